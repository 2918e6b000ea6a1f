import { join } from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { encodeOtlp, encodeRecords, type ChangeRecord, RECORD_TYPES } from "../../../schema/index.js";
import { type BundleFileFormat, checkBundle, importBundle } from "../../../store/index.js";
import { bundleFolder, hashesOf, compactAll, doorOf, exportAll } from "../../support/estate.js";
import { MirrorHarness, RECEIVED } from "../../support/mirror-harness.js";
import { otlpArbitraries } from "../../support/otlp-arbitraries.js";

const DAY = 86_400_000_000_000n;
const bundles = bundleFolder();
afterAll(() => bundles.remove());

const { traces, logs, metrics } = otlpArbitraries({ plain: false });

/** Few ids, so that things are changed and taken back; every type of this version, one of none, and data that its type refuses. */
const change: fc.Arbitrary<ChangeRecord> = fc
  .record({
    type: fc.constantFrom(...RECORD_TYPES.map(({ type }) => type), "type_of_later"),
    id: fc.constantFrom("a", "b", "c", "\u{1F600}'"),
    op: fc.constantFrom("put" as const, "put" as const, "delete" as const),
    second: fc.nat({ max: 59 }),
    source: fc.constantFrom("api", "langsmith", "import"),
    data: fc.dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 }),
    key: fc.string({ maxLength: 8 }),
    score: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean()),
  })
  .map(({ data, key, op, score, second, ...rest }) => ({
    ...rest,
    op,
    time: `2026-11-23T06:00:${String(second).padStart(2, "0")}.123456789Z`,
    data: op === "delete" ? null : { key, score, ...data },
  }));

const estate = fc.array(
  fc.record({
    item: fc.oneof(
      traces.map((data) => ({
        signal: "traces" as const,
        payload: encodeOtlp("traces", onFewDays(data)),
        count: countSpans(data),
      })),
      logs.map((data) => ({
        signal: "logs" as const,
        payload: encodeOtlp("logs", onFewDays(data)),
        count: 1,
      })),
      metrics.map((data) => ({
        signal: "metrics" as const,
        payload: encodeOtlp("metrics", onFewDays(data)),
        count: 1,
      })),
      fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => ({
        signal: "records" as const,
        payload: encodeRecords(changes),
        count: changes.length,
      })),
    ),
    /** Not in order: clocks jump. */
    received: fc.bigInt({ min: 0n, max: 3n * DAY }),
    flush: fc.boolean(),
    again: fc.boolean(),
  }),
  { minLength: 6, maxLength: 24 },
);

/** Any time of an event, but on three days: each day is a file. */
function onFewDays<T>(data: T): T {
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved);
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) =>
        (name === "startTimeUnixNano" || name === "timeUnixNano") && item !== 0n
          ? [name, RECEIVED + ((item as bigint) % (3n * DAY))]
          : [name, moved(item)],
      ),
    );
  };
  return moved(data) as T;
}

function countSpans(data: { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] }): number {
  return data.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans)).length;
}

async function fill(harness: MirrorHarness, items: typeof estate extends fc.Arbitrary<infer T> ? T : never) {
  for (const { item, received, flush, again } of items) {
    if (item.count === 0 || item.payload.length === 0) continue;
    const entry = { signal: item.signal, payload: item.payload, itemCount: item.count };
    await harness.append({ ...entry, receivedUnixNano: RECEIVED + received });
    // A sender that got no answer sends its spans again.
    if (again && item.signal === "traces")
      await harness.append({ ...entry, receivedUnixNano: RECEIVED + received + 1n });
    if (flush) await harness.mirror.flush(60_000);
  }
  await harness.mirror.flush(60_000);
}

let round = 0;
let compacted = false;

async function leaveAndComeBack(source: MirrorHarness, format: BundleFileFormat): Promise<void> {
  const name = (what: string): string => join(bundles.path, `${++round}-${what}`);
  const [first, again, second] = [name("out"), name("again"), name("back")] as const;
  await exportAll(source.dir, first, format);
  // Some files, once: compaction's jobs are processes.
  if (!compacted) {
    compacted = true;
    await compactAll(source, 3);
    await exportAll(source.dir, again, format);
    expect(hashesOf(again), "compaction changes nothing").toEqual(hashesOf(first));
  }
  const target = await MirrorHarness.open();
  try {
    const bundle = await checkBundle(first);
    const rows = bundle.manifest.tables.map((table) => [table.name, table.rows]);
    const report = await importBundle(bundle, { dataDir: target.dir, door: doorOf(target) });
    expect(report.olderChanges).toBe(0);
    await exportAll(target.dir, second, format);
    expect(hashesOf(second)).toEqual(hashesOf(first));
    const twice = await importBundle(bundle, { dataDir: target.dir, door: doorOf(target) });
    expect(twice.tables.map((table) => [table.name, table.rows])).toEqual(rows);
    expect(twice.tables.filter(({ imported }) => imported > 0)).toEqual([]);
  } finally {
    await target.close();
  }
}

describe("export, import, export again", () => {
  it.each(["parquet", "jsonl"] as const)(
    "is identical as %s for any telemetry and records, whatever the mirror's layout; a second import adds nothing",
    async (format) => {
      await fc.assert(
        // A counterexample would fill screens; its seed makes it again.
        fc.asyncProperty(fc.integer(), async (seed) => {
          const [items] = fc.sample(estate, { seed, numRuns: 1 });
          if (items === undefined) throw new Error("no sample");
          const source = await MirrorHarness.open();
          try {
            await fill(source, items);
            await leaveAndComeBack(source, format);
          } finally {
            await source.close();
          }
        }),
        { numRuns: Number(process.env["BUNDLE_RUNS"] ?? 1), endOnFailure: true },
      );
    },
    120_000,
  );
});
