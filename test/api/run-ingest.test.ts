import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunRecord } from "../../schema/index.js";
import { queryRows } from "../../store/index.js";
import { arbitraryRun } from "../support/run-arbitraries.js";
import { runApi, type RunningApi } from "./running-api.js";

let api: RunningApi;

beforeAll(async () => {
  api = await runApi();
});

afterAll(async () => {
  await api.stop();
});

function send(method: string, path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(`${api.url}${path}`, { method, headers, body: JSON.stringify(body) });
}

async function read(id: string): Promise<RunRecord> {
  const answer = await fetch(`${api.url}/runs/${id}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as RunRecord;
}

function rootRun(more: RunRecord = {}): RunRecord & { id: string } {
  const id = randomUUID();
  const dotted = `20261123T100000000000Z${id}`;
  return { id, trace_id: id, dotted_order: dotted, name: "root", run_type: "chain", ...more };
}

test("I4: pull(push(x)) = x: what runs of any content hold is read back as it was sent", async () => {
  // The normalised column has no spaces around tags.
  const spaced: RunRecord = { tags: [" spaced\n", "spaced ", "plain"] };
  const runs = [spaced, ...fc.sample(arbitraryRun, 150)].map((run) => ({ ...rootRun(), ...run }));
  const whole = runs.map((run) => {
    return { ...run, dotted_order: `20261123T100000000000Z${run.id}` };
  });
  expect((await send("POST", "/runs/batch", { post: whole })).status).toBe(202);
  const found = new Map<string, RunRecord>();
  for (let cursor: unknown = null, page = 0; page === 0 || cursor !== null; page++) {
    const answer = await send("POST", "/runs/query", { id: whole.map(({ id }) => id), limit: 40, cursor });
    expect(answer.status === 200 ? "" : await answer.text()).toBe("");
    const body = (await answer.json()) as {
      runs: (RunRecord & { id: string })[];
      cursors: { next: string | null };
    };
    for (const run of body.runs) found.set(run.id, run);
    cursor = body.cursors.next;
  }
  expect(found.size).toBe(whole.length);
  for (const run of whole) {
    const back = found.get(run.id) ?? {};
    // The server's own words: times in one form, an empty error is none, null lists are empty.
    const { start_time: _start, end_time: _end, error, tags, events, extra, ...same } = run as RunRecord;
    expect(back).toMatchObject(same);
    expect(back["error"]).toEqual(error === undefined || error === "" ? null : error);
    expect(back["tags"]).toEqual(tags ?? []);
    expect(back["events"]).toEqual(events ?? []);
    expect(back["extra"]).toEqual(extra ?? {});
  }
});

test("a cursor that this server never gave is refused: no time of the mirror is that late", async () => {
  const cursor = Buffer.from("9999999999999999999 id").toString("base64url");
  for (const wrong of [cursor, "?", 7]) {
    const answer = await send("POST", "/runs/query", { cursor: wrong });
    expect([answer.status, await answer.text()]).toEqual([422, expect.stringContaining("this server gave")]);
  }
});

test("an update that comes before its create is not lost, and wins", async () => {
  const { name, run_type, ...place } = rootRun();
  await send("POST", "/runs/batch", {
    patch: [{ ...place, outputs: { a: 1 }, end_time: "2026-11-23T10:00:01Z" }],
  });
  expect(await read(place.id)).toMatchObject({ status: "pending", outputs: { a: 1 } });
  await send("POST", "/runs/batch", {
    post: [{ ...place, name, run_type, inputs: { q: 1 }, outputs: null }],
  });
  const run = await read(place.id);
  expect(run).toMatchObject({ name: "root", status: "success", inputs: { q: 1 }, outputs: { a: 1 } });
  expect(run).not.toHaveProperty("counterfoil_update_only");
});

test("clients that send single runs need no place in the trace: it is worked out", async () => {
  const parent = randomUUID();
  const child = randomUUID();
  const start = "2026-11-23T10:00:00.000001Z";
  await send("POST", "/runs", { id: parent, name: "p", run_type: "chain", start_time: start });
  await send("POST", "/runs", {
    id: child,
    name: "c",
    run_type: "llm",
    start_time: start,
    parent_run_id: parent,
  });
  await send("PATCH", `/runs/${child}`, { outputs: { done: true }, end_time: 1_795_428_001_000 });
  expect(await read(child)).toMatchObject({
    trace_id: parent,
    parent_run_id: parent,
    parent_run_ids: [parent],
    dotted_order: `20261123T100000000001Z${parent}.20261123T100000000001Z${child}`,
    status: "success",
    end_time: "2026-11-23T10:00:01.000000+00:00",
  });
});

test("I5: after a restart an update still meets the run that it updates", async () => {
  const run = rootRun({ inputs: { before: true }, session_name: "restarted" });
  expect((await send("POST", "/runs/batch", { post: [run] })).status).toBe(202);
  api = await api.restart();
  expect((await send("PATCH", `/runs/${run.id}`, { outputs: { after: true } })).status).toBe(202);
  expect(await read(run.id)).toMatchObject({
    inputs: { before: true },
    outputs: { after: true },
    name: "root",
  });
  const other = rootRun();
  expect((await send("PATCH", `/runs/${other.id}`, { outputs: {} })).status).toBe(404);
});

test("multipart runs come whole, compressed or not, with their attachments", async () => {
  const run = rootRun();
  const form = new FormData();
  const json = (value: unknown): Blob => new Blob([JSON.stringify(value)], { type: "application/json" });
  form.append(`post.${run.id}`, json(run));
  form.append(`post.${run.id}.inputs`, json({ "--q": "\r\n--x" }));
  form.append(`patch.${run.id}`, json({ id: run.id, trace_id: run.id, dotted_order: run["dotted_order"] }));
  form.append(`patch.${run.id}.outputs`, json({ a: "ä" }));
  form.append(
    `attachment.${run.id}.picture`,
    new Blob([Uint8Array.of(0, 13, 10, 45, 45, 255)], { type: "image/png" }),
  );
  const { headers, body } = new Response(form);
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  const type = { "content-type": headers.get("content-type") ?? "" };
  const url = `${api.url}/runs/multipart`;
  const answer = await fetch(url, {
    method: "POST",
    headers: { ...type, "content-encoding": "gzip" },
    body: gzipSync(bytes),
  });
  expect(answer.status).toBe(202);
  expect(await read(run.id)).toMatchObject({ inputs: { "--q": "\r\n--x" }, outputs: { a: "ä" } });
  const [row] = await queryRows({
    dataDir: api.dataDir,
    sql: "SELECT source, run_id, attributes['langsmith.attachments'] AS files FROM spans WHERE run_id = $1",
    params: [run.id],
  });
  expect(row).toMatchObject({ source: "langsmith", run_id: run.id });
  expect(JSON.parse(row?.["files"] as string)).toEqual([
    { name: "picture", content: "AA0KLS3/", mime_type: "image/png" },
  ]);
  const { s3_urls: files } = (await read(run.id)) as {
    s3_urls: Record<string, { presigned_url: string; mime_type: string }>;
  };
  expect(Object.keys(files)).toEqual(["attachment.picture"]);
  const served = await fetch(new URL(files["attachment.picture"]?.presigned_url ?? "", api.url));
  expect(served.headers.get("content-type")).toBe("image/png");
  expect(new Uint8Array(await served.arrayBuffer())).toEqual(Uint8Array.of(0, 13, 10, 45, 45, 255));
  expect((await fetch(`${api.url}/runs/${run.id}/attachments/other`)).status).toBe(404);
  for (const cut of [bytes.subarray(0, bytes.length - 8), bytes.subarray(5), Uint8Array.of()]) {
    expect([400, 422]).toContain((await fetch(url, { method: "POST", headers: type, body: cut })).status);
  }
});

test("I4: numbers that JavaScript would round come back as they were sent, from every way in, over a restart", async () => {
  const big = '{"id":12345678901234567890,"x":[0.12345678901234567890,-9007199254740993,1e400]}';
  const [batch, single, parts] = [rootRun(), rootRun(), rootRun()];
  const bodyOf = (run: RunRecord): string =>
    `${JSON.stringify(run).slice(0, -1)},"inputs":${big},"extra":{"metadata":${big}}}`;
  const post = (path: string, body: string | FormData): Promise<Response> =>
    fetch(`${api.url}${path}`, { method: "POST", body });
  expect((await post("/runs/batch", `{"post":[${bodyOf(batch)}]}`)).status).toBe(202);
  expect((await post("/runs", bodyOf(single))).status).toBe(202);
  const form = new FormData();
  form.append(`post.${parts.id}`, new Blob([JSON.stringify(parts)]));
  for (const field of ["inputs", "outputs"]) form.append(`post.${parts.id}.${field}`, new Blob([big]));
  form.append(`post.${parts.id}.extra`, new Blob([`{"metadata":${big}}`]));
  expect((await post("/runs/multipart", form)).status).toBe(202);
  api = await api.restart();
  for (const { id } of [batch, single, parts]) {
    // The update is of a run that is no longer remembered: it is read from the mirror and written again.
    const update = `{"id":"${id}","trace_id":"${id}","outputs":${big}}`;
    expect((await fetch(`${api.url}/runs/${id}`, { method: "PATCH", body: update })).status).toBe(202);
    const text = await (await fetch(`${api.url}/runs/${id}`)).text();
    for (const field of ["inputs", "outputs", "metadata"]) expect(text).toContain(`"${field}":${big}`);
  }
  const body = JSON.stringify({ id: [batch.id], select: ["inputs"] });
  expect(await (await post("/runs/query", body)).text()).toContain(`"inputs":${big}`);
});

test.each<[string, RunRecord, string[]]>([
  ["an id that is none", { id: "7" }, ["body", "post", "0", "id"]],
  ["a dotted order of another trace", { trace_id: randomUUID() }, ["body", "post", "0", "dotted_order"]],
  ["a time that is none", { start_time: "soon" }, ["body", "post", "0", "start_time"]],
  ["a parent that is no id", { parent_run_id: "p" }, ["body", "post", "0", "parent_run_id"]],
  ["no name", { name: null }, ["body", "post", "0", "name"]],
])("%s is 422 with the way to the field, and nothing of the batch is stored", async (_what, wrong, loc) => {
  const good = rootRun();
  const answer = await send("POST", "/runs/batch", { post: [rootRun(wrong), good] });
  expect(answer.status).toBe(422);
  const { detail } = (await answer.json()) as { detail: { loc: unknown[] }[] };
  expect(detail[0]?.loc.map(String)).toEqual(loc);
  const missing = await fetch(`${api.url}/runs/${good.id}`);
  expect(missing.status).toBe(404);
  expect(await missing.text()).toContain("not found");
});

test("a route that is not done says so by name, and forgets nothing silently", async () => {
  const answer = await send("POST", "/charts", {});
  expect(answer.status).toBe(501);
  expect(await answer.text()).toContain("POST /charts");
});
