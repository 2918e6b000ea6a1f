import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRecord } from "../../schema/index.js";
import { runApi, type RunningApi } from "./running-api.js";

let api: RunningApi;

beforeAll(async () => {
  // A page is looked for among the newest runs first: here among eight, not thousands, so that both ways are gone.
  api = await runApi(undefined, undefined, (host) => ({
    ...host,
    mirror: { ...host.mirror, newestSpans: (rows) => host.mirror.newestSpans(rows / 4_096) },
  }));
});

afterAll(async () => {
  await api.stop();
});

interface Write {
  readonly kind: "post" | "patch";
  readonly fields: RunRecord;
}

/** Where a run is in its trace. */
type Place = RunRecord & { readonly id: string };

const content = fc.option(fc.dictionary(fc.constantFrom("a", "b"), fc.integer(), { maxKeys: 2 }));
const fields = fc.record(
  {
    inputs: content,
    outputs: content,
    error: fc.option(fc.constantFrom("failed", "timed out")),
    tags: fc.option(fc.array(fc.constantFrom("x", "y"), { maxLength: 2 })),
    something_new: content,
  },
  { requiredKeys: [] },
);
const write = fc.record({ kind: fc.constantFrom("post" as const, "patch" as const), fields });
/** Of one run: creates and updates in the order in which they arrive. */
const history = fc.array(write, { minLength: 1, maxLength: 5 });

/** By LangSmith's own rule: updates lie above creates whenever they came, and a null in an update says nothing. */
function merged(writes: readonly Write[]): RunRecord {
  const layer = (kind: Write["kind"]): RunRecord =>
    Object.assign({}, ...writes.filter((each) => each.kind === kind).map((each) => each.fields)) as RunRecord;
  const run = layer("post");
  for (const [field, value] of Object.entries(layer("patch"))) {
    if (value !== null || run[field] === undefined) run[field] = value;
  }
  return run;
}

async function send(writes: readonly (Write & { readonly place: Place })[], way: number): Promise<number> {
  if (way === 0) {
    const of = (kind: Write["kind"]): RunRecord[] =>
      writes.filter((each) => each.kind === kind).map((each) => ({ ...each.place, ...each.fields }));
    const body = JSON.stringify({ post: of("post"), patch: of("patch") });
    return (await fetch(`${api.url}/runs/batch`, { method: "POST", body })).status;
  }
  const form = new FormData();
  for (const { kind, place, fields: given } of writes) {
    const { inputs, outputs, ...rest } = given;
    const part = (name: string, value: unknown): void => form.append(name, new Blob([JSON.stringify(value)]));
    part(`${kind}.${place.id}`, { ...place, ...rest });
    if (inputs !== undefined) part(`${kind}.${place.id}.inputs`, inputs);
    if (outputs !== undefined) part(`${kind}.${place.id}.outputs`, outputs);
  }
  return (await fetch(`${api.url}/runs/multipart`, { method: "POST", body: form })).status;
}

test("creates and updates of runs in any order, of any number and by any way give what LangSmith's rule says", async () => {
  const runs = fc.sample(history, 60).map((writes) => {
    const id = randomUUID();
    const place = {
      id,
      trace_id: id,
      dotted_order: `20261123T100000000000Z${id}`,
      name: "run",
      run_type: "chain",
    };
    return { id, place, writes };
  });
  for (let round = 0; round < 5; round++) {
    // One write of each run at a time, by two ways in turn.
    const now = runs.flatMap(({ place, writes }) => {
      const next = writes[round];
      return next === undefined ? [] : [{ ...next, place }];
    });
    for (const way of [0, 1]) {
      const some = now.filter((_, at) => (at + round) % 2 === way);
      if (some.length > 0) expect(await send(some, way)).toBe(202);
    }
  }
  const body = JSON.stringify({ id: runs.map(({ id }) => id) });
  const answer = await fetch(`${api.url}/runs/query`, { method: "POST", body });
  const found = ((await answer.json()) as { runs: RunRecord[] }).runs;
  expect(found).toHaveLength(runs.length);
  for (const { id, writes } of runs) {
    const wanted = merged(writes);
    const { inputs, outputs, error, tags, something_new, status } =
      found.find((run) => run["id"] === id) ?? {};
    expect({ inputs, outputs, error, tags, something_new: something_new ?? null }).toEqual({
      inputs: wanted["inputs"] ?? null,
      outputs: wanted["outputs"] ?? null,
      error: wanted["error"] ?? null,
      tags: wanted["tags"] ?? [],
      something_new: wanted["something_new"] ?? null,
    });
    const isCreated = writes.some(({ kind }) => kind === "post");
    if (!isCreated) expect(status).toBe("pending");
    else if (wanted["error"]) expect(status).toBe("error");
  }
});

test("the newest runs of a project come first whatever their number and however few of the newest runs are its own", async () => {
  const arbitrary = fc.array(fc.record({ ms: fc.integer({ min: 1, max: 30 }), other: fc.boolean() }), {
    minLength: 30,
    maxLength: 40,
  });
  for (const [round, drawn] of fc.sample(arbitrary, 1).entries()) {
    const project = `newest ${round}`;
    const runs = drawn.map(({ ms, other }) => ({
      id: randomUUID(),
      name: "run",
      run_type: "chain",
      start_time: new Date(Date.UTC(2026, 10, 24, 10, round, 0, ms)).toISOString(),
      session_name: other ? `other ${round}` : project,
    }));
    for (const part of [runs.slice(0, 10), runs.slice(10)]) {
      const post = part.map((run) => ({
        ...run,
        trace_id: run.id,
        dotted_order: `${run.start_time.replace(/[-:.Z]/g, "")}000Z${run.id}`,
      }));
      await fetch(`${api.url}/runs/batch`, { method: "POST", body: JSON.stringify({ post }) });
    }
    const sessions = await fetch(`${api.url}/sessions?name=${encodeURIComponent(project)}`);
    const [{ id: session } = { id: "" }] = (await sessions.json()) as { id: string }[];
    const wanted = runs
      .filter(({ session_name }) => session_name === project)
      .toSorted((a, b) => b.start_time.localeCompare(a.start_time) || (a.id < b.id ? 1 : -1))
      .map(({ id }) => id);
    for (const limit of [1, 5, 40]) {
      const body = JSON.stringify({ session: [session], limit });
      const reply = await fetch(`${api.url}/runs/query`, { method: "POST", body });
      const page = ((await reply.json()) as { runs: Place[] }).runs.map(({ id }) => id);
      expect(page).toEqual(wanted.slice(0, limit));
    }
  }
});
