import { mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  filledByLogs,
  JSON_COLUMNS,
  joinLogContent,
  LOG_COLUMN_NAMES,
  type LogsData,
  normaliseLogRecord,
  normaliseSpan,
  type NormalisedColumns,
  type PlacedLogContent,
} from "../../../schema/index.js";
import { dataDirPaths, type FileEntry, rewriteSpans } from "../../../store/index.js";
import { runCompactionJob } from "../../../store/compaction/compact.js";
import { planCompaction } from "../../../store/compaction/plan.js";
import { FIXTURE_NAMES, logRequests, traceRequests } from "../../support/genai-fixtures.js";
import { MirrorHarness } from "../../support/mirror-harness.js";
import { LONG_TESTS } from "../../support/long-tests.js";

const NAMES = FIXTURE_NAMES.filter((name) => logRequests(name).length > 0);
/** Columns that the normaliser fills alone: a cost may also come from the price table. */
const COLUMNS = LOG_COLUMN_NAMES.filter((name) => name !== "cost_usd");
/** Captures whose log records say nothing that their spans don't say themselves. */
const WITHOUT = [
  "mastra",
  "py-agent-framework",
  "py-google-adk-default",
  "py-google-adk-latest",
  "py-google-genai-otel-events",
  "py-google-genai-otel-latest",
  "py-litellm-latest",
  "py-litellm-old",
  "py-openai-genai",
  "py-openai-otel-latest",
];
const WEEK_MS = 7 * 86_400_000;

/** What a query says of each span, by id: JSON columns as JSON, nulls left out. */
type Spans = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

const json = (column: string, value: unknown): unknown =>
  JSON_COLUMNS.has(column) ? JSON.parse(String(value)) : value;

async function spansOf(harness: MirrorHarness): Promise<Spans> {
  const columns = [...LOG_COLUMN_NAMES, "provenance", "usage_scope"];
  const rows = await harness.query(`SELECT span_id, ${columns.join(", ")} FROM spans ORDER BY span_id`);
  return new Map(
    rows.map(([id, ...values]) => {
      const entries = columns.map((column, at): [string, unknown] => {
        const value = values[at] ?? null;
        if (value === null) return [column, value];
        return [
          column,
          column === "provenance"
            ? JSON.parse(String(value))
            : json(column, typeof value === "bigint" ? Number(value) : value),
        ];
      });
      return [String(id), Object.fromEntries(entries.filter(([, value]) => value !== null))];
    }),
  );
}

async function sealSpans(harness: MirrorHarness): Promise<void> {
  for (const request of NAMES.flatMap(traceRequests)) {
    const count = request.resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans),
    ).length;
    await harness.appendData("traces", request, count);
  }
}

async function sealLogs(
  harness: MirrorHarness,
  requests: readonly LogsData[] = NAMES.flatMap(logRequests),
): Promise<void> {
  for (const request of requests) {
    const count = request.resourceLogs.flatMap(({ scopeLogs }) =>
      scopeLogs.flatMap(({ logRecords }) => logRecords),
    ).length;
    await harness.appendData("logs", request, count);
  }
}

async function compact(harness: MirrorHarness): Promise<void> {
  const { catalog, dir } = harness;
  mkdirSync(dataDirPaths(dir).temp, { recursive: true });
  for (;;) {
    const job = planCompaction(catalog.snapshot().files, { nowMs: Date.now() + WEEK_MS, writtenMs: () => 0 });
    if (job === undefined) return;
    expect(await runCompactionJob({ dataDir: dir, catalog, job })).toMatchObject({ damaged: [] });
  }
}

const filesOf = (harness: MirrorHarness, table: string): FileEntry[] =>
  harness.catalog.snapshot().files.filter((file) => file.table === table);

/** Each record's own request of it, so that every order and every split can be sent. */
function recordByRecord(requests: readonly LogsData[]): LogsData[] {
  return requests.flatMap(({ resourceLogs }) =>
    resourceLogs.flatMap((group) =>
      group.scopeLogs.flatMap((scope) =>
        scope.logRecords.map((record) => ({
          resourceLogs: [{ ...group, scopeLogs: [{ ...scope, logRecords: [record] }] }],
        })),
      ),
    ),
  );
}

/** What the TypeScript of the join says: the oracle of the SQL. */
function expected(): { own: Map<string, NormalisedColumns>; all: Map<string, Record<string, unknown>> } {
  const own = new Map<string, NormalisedColumns>();
  const logs = new Map<string, PlacedLogContent[]>();
  for (const { resourceSpans } of NAMES.flatMap(traceRequests))
    for (const { resource, scopeSpans } of resourceSpans)
      for (const { scope, spans } of scopeSpans)
        for (const span of spans) own.set(span.spanId, normaliseSpan({ ...span, scope, resource }).columns);
  for (const [seq, { resourceLogs }] of NAMES.flatMap(logRequests).entries())
    for (const { resource, scopeLogs } of resourceLogs)
      for (const { scope, logRecords } of scopeLogs)
        for (const [seqIndex, record] of logRecords.entries()) {
          const content = normaliseLogRecord(record, scope, resource);
          if (content === undefined) continue;
          const { observedTimeUnixNano, spanId, timeUnixNano } = record;
          const placed = { content, timeUnixNano: timeUnixNano || observedTimeUnixNano, seq, seqIndex };
          logs.set(spanId, [...(logs.get(spanId) ?? []), placed]);
        }
  const all = new Map(
    [...own].map(([id, columns]) => {
      const joined = joinLogContent(logs.get(id) ?? []);
      const filled = { ...columns, ...filledByLogs(columns, joined) };
      const entries = COLUMNS.flatMap((name) =>
        filled[name] === undefined ? [] : [[name, json(name, filled[name])] as const],
      );
      return [id, Object.fromEntries(entries)];
    }),
  );
  return { own, all };
}

function contentOnly(spans: Spans): Map<string, Record<string, unknown>> {
  return new Map(
    [...spans].map(([id, columns]) => [
      id,
      Object.fromEntries(Object.entries(columns).filter(([name]) => COLUMNS.some((known) => known === name))),
    ]),
  );
}

let spansFirst: MirrorHarness;
let logsFirst: MirrorHarness;
let joined: Spans | undefined;
beforeAll(async () => {
  spansFirst = await MirrorHarness.open();
  logsFirst = await MirrorHarness.open();
  await sealSpans(spansFirst);
  await spansFirst.mirror.flush(60_000);
  await sealLogs(logsFirst);
  await logsFirst.mirror.flush(60_000);
}, 240_000);
afterAll(async () => {
  await spansFirst.close();
  await logsFirst.close();
});

describe("content in log records", () => {
  it("is in the columns of its span at once, whichever came first, and as the normaliser puts it together", async () => {
    const { all, own } = expected();
    const before = await spansOf(spansFirst);
    expect(contentOnly(before)).not.toEqual(all);
    await sealLogs(spansFirst);
    await spansFirst.mirror.flush(60_000);
    await sealSpans(logsFirst);
    await logsFirst.mirror.flush(60_000);
    const spans = await spansOf(spansFirst);
    expect(contentOnly(spans)).toEqual(all);
    expect(await spansOf(logsFirst)).toEqual(spans);
    const filled = [...spans].filter(
      ([id, columns]) => columns["input_messages"] !== undefined && own.get(id)?.input_messages === undefined,
    );
    expect(filled.length).toBeGreaterThan(10);
    for (const [, { provenance }] of filled)
      expect(provenance).toMatchObject({ input_messages: expect.stringMatching(/^log:/) });
  }, 240_000);

  it.each(NAMES)("%s: its spans are the reviewed rows", async (name) => {
    joined ??= await spansOf(spansFirst);
    const spans = joined;
    const ids = traceRequests(name).flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) =>
        scopeSpans.flatMap((scope) => scope.spans.map(({ spanId }) => spanId)),
      ),
    );
    const rows = ids
      .map((id): Record<string, unknown> => ({ span_id: id, ...spans.get(id) }))
      .filter((row) => JSON.stringify(row["provenance"] ?? {}).includes('"log:'));
    // Where content is on the spans as well, theirs counts.
    if (rows.length === 0) return expect(WITHOUT).toContain(name);
    await expect(`${JSON.stringify(rows, null, 1)}\n`).toMatchFileSnapshot(
      `../../golden/genai-logs/${name}.json`,
    );
  });

  it("goes into the spans' own rows at compaction, and no pending rows are left", async () => {
    const before = await spansOf(spansFirst);
    for (const harness of [spansFirst, logsFirst]) {
      await compact(harness);
      expect(await spansOf(harness)).toEqual(before);
      expect(filesOf(harness, "log_content").reduce((sum, { rows }) => sum + rows, 0)).toBe(0);
      expect(filesOf(harness, "spans").every(({ level }) => level === 1)).toBe(true);
    }
  }, 240_000);

  it("stays when its spans are renormalised", async () => {
    const before = await spansOf(spansFirst);
    const { catalog, dir } = spansFirst;
    const paths = filesOf(spansFirst, "spans").map(({ path }) => path);
    const done = await rewriteSpans({ dataDir: dir, catalog, rewrite: { kind: "renormalise" }, paths });
    expect(done).toMatchObject({ files: paths.length, changes: {} });
    expect(await spansOf(spansFirst)).toEqual(before);
  }, 240_000);

  it.skipIf(!LONG_TESTS)(
    "is joined by renormalising a mirror whose build did not read log records yet",
    async () => {
      const before = await spansOf(spansFirst);
      const harness = await MirrorHarness.open();
      try {
        await sealSpans(harness);
        await sealLogs(harness);
        await harness.mirror.flush(60_000);
        const { catalog, dir } = harness;
        await catalog.commit({ add: [], remove: filesOf(harness, "log_content").map(({ path }) => path) });
        expect(await spansOf(harness)).not.toEqual(before);
        mkdirSync(dataDirPaths(dir).temp, { recursive: true });
        const run = async () => {
          const paths = filesOf(harness, "spans").map(({ path }) => path);
          return await rewriteSpans({ dataDir: dir, catalog, rewrite: { kind: "renormalise" }, paths });
        };
        expect((await run()).changes).toMatchObject({
          input_messages: expect.any(Number),
          provenance: expect.any(Number),
        });
        expect(await spansOf(harness)).toEqual(before);
        expect((await run()).changes).toEqual({});
      } finally {
        await harness.close();
      }
    },
    240_000,
  );

  it.skipIf(!LONG_TESTS)(
    "is whole when it comes in pieces around a compaction, and once when it is sent twice",
    async () => {
      const expectedSpans = await spansOf(spansFirst);
      const pieces = recordByRecord(NAMES.flatMap(logRequests));
      const half = Math.floor(pieces.length / 2);
      const harness = await MirrorHarness.open();
      try {
        await sealSpans(harness);
        await sealLogs(harness, pieces.slice(0, half));
        await harness.mirror.flush(60_000);
        await compact(harness);
        await sealLogs(harness, pieces.slice(half));
        await harness.mirror.flush(60_000);
        expect(await spansOf(harness)).toEqual(expectedSpans);
        await sealLogs(harness);
        await harness.mirror.flush(60_000);
        expect(await spansOf(harness)).toEqual(expectedSpans);
        await compact(harness);
        expect(await spansOf(harness)).toEqual(expectedSpans);
        expect(filesOf(harness, "log_content")).toEqual([]);
      } finally {
        await harness.close();
      }
    },
    240_000,
  );

  it.skipIf(!LONG_TESTS)(
    "shows in `traces`, `messages` and `llm_calls` at once, also of traces that are compacted",
    async () => {
      const harness = await MirrorHarness.open();
      const ask = async (): Promise<unknown> => [
        await harness.query(
          "SELECT trace_id, input, output, llm_calls, total_tokens FROM traces ORDER BY trace_id",
        ),
        await harness.query("SELECT count(*), count(content) FROM messages"),
        await harness.query("SELECT count(input_messages), count(output_messages) FROM llm_calls"),
      ];
      try {
        await sealSpans(harness);
        await harness.mirror.flush(60_000);
        await compact(harness);
        const without = await ask();
        await sealLogs(harness);
        await harness.mirror.flush(60_000);
        const joined = await ask();
        expect(joined).not.toEqual(without);
        await compact(harness);
        expect(await ask()).toEqual(joined);
      } finally {
        await harness.close();
      }
    },
    240_000,
  );
});
