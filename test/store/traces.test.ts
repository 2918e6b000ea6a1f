import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { dataDirPaths, type FileCatalog, openCatalog } from "../../store/index.js";
import { runCompactionJob } from "../../store/compaction/compact.js";
import { planCompaction } from "../../store/compaction/plan.js";
import { snapshotSources, viewStatements } from "../../store/views/open-sql.js";
import { duck, temporaryFolder, writeRows, type Row } from "./mirror-files.js";
import { tracesOf, type TraceSpan } from "./traces-oracle.js";

const NOON_MS = Date.parse("2026-11-23T12:00:00Z");
const HOUR_MS = 3_600_000;

const idOf = (trace: number, span: number): string => (trace * 100 + span + 1).toString(16).padStart(16, "0");
const time = (ms: number | null): string | null =>
  ms === null ? null : new Date(ms).toISOString().replace("T", " ").replace("Z", "");

/** A mirror whose level-0 files are written by hand, in any order. */
class World {
  readonly mirror: string;
  readonly #dataDir: string;
  readonly #seen = new Map<string, TraceSpan>();
  #catalog: FileCatalog | undefined;
  #seq = 0;

  constructor() {
    this.#dataDir = temporaryFolder();
    const { mirror, temp } = dataDirPaths(this.#dataDir);
    mkdirSync(temp);
    this.mirror = mirror;
  }

  async catalog(): Promise<FileCatalog> {
    this.#catalog ??= await openCatalog({ mirrorDir: this.mirror });
    return this.#catalog;
  }

  /** One level-0 file; a span that came before is marked as the sealer marks it. */
  async seal(spans: readonly TraceSpan[]): Promise<void> {
    if (spans.length === 0) return;
    const catalog = await this.catalog();
    this.#seq += 1;
    const seq = this.#seq;
    const rows: Row[] = [];
    const superseded: Row[] = [];
    for (const [at, span] of spans.entries()) {
      const { trace, id, parent, start, end, ...rest } = span;
      const ids = { trace_id: `${trace}`.padStart(32, "0"), span_id: id };
      rows.push({
        ...ids,
        ...rest,
        parent_span_id: parent,
        start_time: time(start),
        end_time: time(end),
        received_at: time(NOON_MS),
        attributes: "{}",
        seq,
        seq_index: at,
      });
      // Repetitions here always win: they have an end.
      if (this.#seen.has(id)) superseded.push({ ...ids, seq, seq_index: at });
      this.#seen.set(id, span);
    }
    const name = `date=2026-11-23/0-${seq}-${seq}.parquet`;
    const add = [await writeRows(this.mirror, `spans/${name}`, rows)];
    if (superseded.length > 0) add.push(await writeRows(this.mirror, `superseded/${name}`, superseded));
    for (const { path } of add) utimesSync(join(this.mirror, path), NOON_MS / 1000, NOON_MS / 1000);
    await catalog.commit({ add, remove: [], sealedSeq: seq });
  }

  /** Compacts what is sealed, so far in jobs of `jobBytesMax`. */
  async compact(jobBytesMax: number): Promise<void> {
    const catalog = await this.catalog();
    for (;;) {
      const job = planCompaction(catalog.snapshot().files, {
        nowMs: NOON_MS + HOUR_MS,
        writtenMs: () => NOON_MS,
        jobBytesMax,
        fileBytes: 1,
      });
      if (job === undefined) return;
      await runCompactionJob({ dataDir: this.#dataDir, catalog, job });
    }
  }

  /** Rows of the view `traces`, and what they are to be. */
  async traces(): Promise<{ shown: unknown[]; wanted: unknown[] }> {
    const connection = await duck();
    const snapshot = (await this.catalog()).snapshot();
    for (const statement of viewStatements(snapshotSources(snapshot, this.mirror))) {
      await connection.run(statement);
    }
    const shown = await connection.runAndReadAll(`
      SELECT trace_id, name, has_root, status, status_code, complete, root_count::INTEGER AS root_count,
        open_spans::INTEGER AS open_spans, orphans::INTEGER AS orphans, clock_skew_ms, span_count::INTEGER AS span_count,
        error_count::INTEGER AS error_count, error, input, first_input, output, last_output,
        epoch_ms(start_time::TIMESTAMP)::DOUBLE AS start_ms, epoch_ms(end_time::TIMESTAMP)::DOUBLE AS end_ms,
        input_tokens::INTEGER AS input_tokens, output_tokens::INTEGER AS output_tokens,
        total_tokens::INTEGER AS total_tokens, cost_usd, llm_calls::INTEGER AS llm_calls
      FROM traces ORDER BY trace_id`);
    return { shown: shown.getRowObjects(), wanted: tracesOf([...this.#seen.values()]) };
  }

  async addFeedback(rows: readonly Row[]): Promise<void> {
    this.#seq += 1;
    const seq = this.#seq;
    const path = `feedback/date=2026-11-23/0-${seq}-${seq}.parquet`;
    const entry = await writeRows(
      this.mirror,
      path,
      rows.map((row, at) => ({ ...row, seq, seq_index: at })),
    );
    await (await this.catalog()).commit({ add: [entry], remove: [], sealedSeq: seq });
  }

  async close(): Promise<void> {
    await this.#catalog?.close();
  }
}

const SPANS = 6;
const TRACES = 5;
const aSpan = fc
  .record({
    trace: fc.nat({ max: TRACES - 1 }),
    span: fc.nat({ max: SPANS - 1 }),
    // Of the same trace, of nobody, or none; the parent may be the span itself, and there may be circles.
    parent: fc.option(fc.nat({ max: SPANS }), { freq: 3 }),
    start: fc.option(fc.nat({ max: 20 }), { freq: 9 }),
    lasts: fc.option(fc.nat({ max: 20 }), { freq: 5 }),
    day: fc.constantFrom(0, 0, 0, -1),
    status_code: fc.constantFrom(null, "OK", "UNSET", "ERROR"),
    status_message: fc.constantFrom(null, null, "it broke"),
    error_type: fc.constantFrom(null, "Timeout"),
    input_messages: fc.constantFrom(null, "in"),
    output_messages: fc.constantFrom(null, "out"),
    // Few values, so that spans are alike; costs are sums of powers of two, so that any order adds up to the same.
    run_type: fc.constantFrom(null, "llm", "llm", "llm", "chain", "embedding"),
    usage_scope: fc.constantFrom(null, "own", "own", "own", "rollup"),
    input_tokens: fc.constantFrom(null, 0, 10, 10, 20),
    output_tokens: fc.constantFrom(null, 0, 5, 5),
    cost_usd: fc.constantFrom(null, null, 0.25, 0.5),
    request_model: fc.constantFrom("m", "m", "n"),
    scope: fc.constantFrom("a", "b", "b"),
  })
  .map(({ trace, span, parent, start, lasts, day, ...rest }): TraceSpan => {
    const from = start === null ? null : NOON_MS + day * 24 * HOUR_MS + start * 10;
    const texts = [rest.input_messages, rest.output_messages].map(
      (text) => text && `${text} ${trace}.${span}`,
    );
    return {
      ...rest,
      trace,
      id: idOf(trace, span),
      name: `span ${span}`,
      parent: parent === null ? null : idOf(trace, parent),
      start: from,
      end: from === null || lasts === null ? null : from + lasts * 10,
      input_messages: texts[0] ?? null,
      output_messages: texts[1] ?? null,
    };
  });

/** Spans in an order of arrival, cut into batches; some come open first and again with their end. */
const arrivals = fc
  .uniqueArray(aSpan, { minLength: 1, maxLength: 24, selector: ({ id }) => id })
  .chain((spans) =>
    fc.record({
      batches: fc.array(fc.nat({ max: spans.length }), { minLength: 1, maxLength: 3 }).map((cuts) => {
        const opened = spans.filter(({ end }, at) => end !== null && at % 5 === 0);
        const all = [...opened.map((span) => ({ ...span, end: null })), ...spans];
        const places = [0, ...cuts.sort((a, b) => a - b), all.length];
        return places.slice(1).map((to, at) => all.slice(places[at], to));
      }),
    }),
  );

test("traces: any order and batching of spans gives what plain JavaScript makes of them", async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, async ({ batches }) => {
      const world = new World();
      for (const batch of batches) await world.seal(batch);
      const { shown, wanted } = await world.traces();
      expect(shown).toEqual(wanted);
      await world.close();
    }),
    { numRuns: 12 },
  );
}, 60_000);

test("traces: the same after compaction in one or many jobs; only what waits may hide that a parent is missing, or that a call is counted", async () => {
  await fc.assert(
    fc.asyncProperty(arrivals, fc.constantFrom(1, 1e9), async ({ batches }, jobBytesMax) => {
      const world = new World();
      for (const [at, batch] of batches.entries()) {
        await world.seal(batch);
        const { shown, wanted } = await world.traces();
        expect(known(shown)).toEqual(known(wanted));
        for (const [row, trace] of (shown as Gaps[]).entries()) {
          expect(trace.orphans).toBeLessThanOrEqual((wanted as Gaps[])[row]?.orphans ?? -1);
          // A late call may be one that is counted already.
          expect(trace.llm_calls).toBeGreaterThanOrEqual((wanted as Gaps[])[row]?.llm_calls ?? 0);
          expect(trace.clock_skew_ms).toBeLessThanOrEqual((wanted as Gaps[])[row]?.clock_skew_ms ?? -1);
        }
        if (at > 0 && at < batches.length - 1) continue;
        await world.compact(jobBytesMax);
        const after = await world.traces();
        expect(after.shown).toEqual(after.wanted);
      }
      await world.close();
    }),
    { numRuns: 2 },
  );
}, 120_000);

interface Gaps {
  readonly orphans: number;
  readonly clock_skew_ms: number;
  readonly complete: boolean;
  readonly llm_calls: number;
}

const USAGE = ["input_tokens", "output_tokens", "total_tokens", "cost_usd", "llm_calls"];

/** What is known of traces while some of their spans are not compacted. */
function known(traces: readonly unknown[]): unknown[] {
  const doubted = new Set(["orphans", "clock_skew_ms", "complete", ...USAGE]);
  return traces.map((trace) =>
    Object.fromEntries(Object.entries(trace as Gaps).filter(([name]) => !doubted.has(name))),
  );
}

test("traces and threads: average scores by key, and no column of feedback is read while there is none", async () => {
  const world = new World();
  const span = (trace: number, at: number, parent: number | null): TraceSpan => ({
    trace,
    id: idOf(trace, at),
    parent: parent === null ? null : idOf(trace, parent),
    name: "span",
    start: NOON_MS + trace,
    end: NOON_MS + 100,
    status_code: null,
    status_message: null,
    error_type: null,
    input_messages: null,
    output_messages: null,
    conversation_id: "c1",
  });
  await world.seal([span(1, 0, null), span(1, 1, 0), span(2, 0, null), span(3, 0, null)]);
  const read = async (sql: string): Promise<unknown[]> => {
    await world.traces();
    return (await (await duck()).runAndReadAll(sql)).getRowObjectsJson();
  };
  const sql =
    "SELECT trace_id[32:] AS trace, CAST(feedback AS VARCHAR) AS feedback FROM traces ORDER BY trace_id";
  expect(await read(sql)).toEqual(["1", "2", "3"].map((trace) => ({ trace, feedback: null })));
  const one = { op: "put", score: 1, trace_id: "1".padStart(32, "0") };
  await world.addFeedback([
    { ...one, id: "a", key: "good", score: 0.5 },
    { ...one, id: "b", key: "good", trace_id: null, span_id: idOf(1, 1), target: "span" },
    { ...one, id: "c", key: "brief" },
    { ...one, id: "d", key: "gone", op: "delete" },
    { ...one, id: "e", key: "good", trace_id: "2".padStart(32, "0"), score: 0 },
  ]);
  expect(await read(sql)).toEqual([
    { trace: "1", feedback: "{brief=1.0, good=0.75}" },
    { trace: "2", feedback: "{good=0.0}" },
    { trace: "3", feedback: null },
  ]);
  expect(
    await read(
      "SELECT thread_id, trace_count::INTEGER AS traces, CAST(feedback AS VARCHAR) AS feedback FROM threads",
    ),
  ).toEqual([{ thread_id: "c1", traces: 3, feedback: "{brief=1.0, good=0.375}" }]);
  await world.close();
});
