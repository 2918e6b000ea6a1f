import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { multipartParts } from "../../api/http/multipart.js";
import { multipartWrites } from "../../api/langsmith/runs/multipart-writes.js";
import { RunStates } from "../../api/langsmith/runs/run-states.js";
import { SeenRuns } from "../../api/langsmith/runs/seen-runs.js";
import {
  LANGSMITH_RUN_STATES_MAX,
  LANGSMITH_SEEN_RUNS_MAX,
  rawFieldsOf,
  type RunRecord,
} from "../../schema/index.js";
import { runJson } from "../support/run-arbitraries.js";

const BOUNDARY = "----LangSmithFormBoundary";
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;

/** A part as LangSmith's SDKs write it, or with a length that is wrong, or without one, or as a browser does. */
function partText(name: string, json: string, way: number): string {
  const length = Buffer.byteLength(json) + (way === 1 ? 1 : 0);
  const type = way === 3 ? "application/json" : `application/json; length=${length}`;
  const disposition = way === 2 ? "content-disposition" : "Content-Disposition";
  return `--${BOUNDARY}\r\n${disposition}: form-data; name="${name}"\r\nContent-Type: ${type}\r\n\r\n${json}\r\n`;
}

test("parts are the same whether their headers are those of LangSmith's SDKs or any others", () => {
  const part = fc.record({ json: runJson.map((value) => JSON.stringify(value)), way: fc.nat({ max: 3 }) });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const text = parts.map(({ json, way }, at) => partText(`post.${at}.inputs`, json, way)).join("");
      const found = [...multipartParts(Buffer.from(`${text}--${BOUNDARY}--\r\n`), TYPE)];
      expect(found.map(({ name, content }) => [name, content.toString()])).toEqual(
        parts.map(({ json }, at) => [`post.${at}.inputs`, json]),
      );
      expect(found.every(({ contentType }) => contentType === "application/json")).toBe(true);
    }),
  );
});

test("a run among files is kept without them, its parts may be apart, and each error names the part", () => {
  const [id, other] = [randomUUID(), randomUUID()];
  const place = { name: "n", start_time: "2026-11-23T10:00:00Z" };
  const body = (...parts: readonly string[]): Buffer => Buffer.from(`${parts.join("")}--${BOUNDARY}--\r\n`);
  const run = (of: string, fields: RunRecord): string => partText(`post.${of}`, JSON.stringify(fields), 0);
  const bytes = body(
    run(id, { ...place, outputs: 1 }),
    run(other.toUpperCase(), place),
    partText(`post.${id}.outputs`, '\uFEFF{"a": 1.0}', 0),
    partText(`attachment.${id}.file`, "x".repeat(10_000), 3),
  );
  const { writes } = multipartWrites(bytes, TYPE);
  expect(writes.map((write) => [write.id, write.attachments.length])).toEqual([
    [id, 1],
    [other, 0],
  ]);
  const fields = writes[0]?.fields;
  expect(fields?.json(fields.find("outputs"))).toBe('{"a": 1.0}');
  expect(fields?.bytes.length).toBe(fields?.size);
  for (const [wrong, message] of [
    [partText(`post.${id}.inputs`, "{", 0), /is not JSON/],
    [partText(`post.${id}.inputs`, "{}", 0), /came without it/],
    [partText(`post.${id}.nothing`, "{}", 0), /names no field/],
    [partText(`post.${id}`, "[]", 0), /must be a JSON object/],
    [partText(`run.${id}`, "{}", 0), /starts with run/],
    [partText("post.1", "{}", 0), /must be named/],
  ] as const) {
    expect(() => multipartWrites(body(wrong), TYPE)).toThrow(message);
  }
});

test("a new run is not looked for although it started before runs that are forgotten; one that came is", async () => {
  const lookedFor: string[] = [];
  const states = new RunStates({
    newestStart: () => Promise.resolve(0n),
    find: (writes) => {
      lookedFor.push(...writes.map(({ id }) => id));
      return Promise.resolve(new Map());
    },
  });
  const write = (kind: "post" | "patch", id: string) => {
    const fields = rawFieldsOf({ id, trace_id: id, dotted_order: `20261123T100000000000Z${id}`, name: "n" });
    return { kind, id, fields, attachments: [], bytes: 1 };
  };
  const ids = Array.from({ length: LANGSMITH_RUN_STATES_MAX + 1 }, () => randomUUID());
  await states.merge(ids.map((id) => write("post", id)));
  await states.merge([write("post", randomUUID())]);
  expect(lookedFor).toEqual([]);
  await states.merge([write("patch", ids[0] ?? ""), write("patch", ids.at(-1) ?? "")]);
  expect(lookedFor).toEqual([ids[0]]);
});

test("ids are remembered for two generations, and the start of what is forgotten is told", () => {
  const seen = new SeenRuns();
  const id = (at: number): string => `00000000-0000-0000-0000-${at.toString(16).padStart(12, "0")}`;
  const told: bigint[] = [];
  for (let at = 0; at < 2 * LANGSMITH_SEEN_RUNS_MAX + 10; at++) {
    const start = seen.add(id(at), BigInt(at));
    if (start !== undefined) told.push(start);
  }
  // As many less a few whose marks are those of others.
  expect(told).toHaveLength(1);
  expect(Math.abs(Number(told[0]) - LANGSMITH_SEEN_RUNS_MAX)).toBeLessThan(1_000);
  expect(seen.mayHold(id(2 * LANGSMITH_SEEN_RUNS_MAX))).toBe(true);
  const strangers = Array.from({ length: 1_000 }, () => seen.mayHold(randomUUID())).filter(Boolean);
  expect(strangers.length).toBeLessThan(5);
});
