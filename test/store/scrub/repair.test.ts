import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, expect, it } from "vitest";
import {
  dataDirPaths,
  type FileEntry,
  readCatalog,
  repairMirror,
  startMaintenance,
} from "../../../store/index.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";
import { LONG_TESTS } from "../../support/long-tests.js";

const HOUR_SECONDS = 3_600;
/** A day before the harness receives, in nanoseconds. */
const DAY_BEFORE = 1_795_413_600_000_000_000n - 86_400_000_000_000n;

let harness: MirrorHarness;
afterEach(() => harness.close());

async function open(): Promise<MirrorHarness> {
  harness = await MirrorHarness.open({ sealRows: 5, sealIntervalMs: 5 });
  mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
  return harness;
}

/** One request with a span for each number, and one log record; sealed. */
async function send(numbers: readonly number[], given: { startTimeUnixNano?: bigint } = {}): Promise<void> {
  const spans = numbers.map((n) => span({ traceId: traceId(n), spanId: spanId(n), name: `s${n}`, ...given }));
  await harness.appendData("traces", request(...spans), spans.length);
  const record = { timeUnixNano: 1n, observedTimeUnixNano: 1n, severityNumber: 0, severityText: "" };
  await harness.appendData(
    "logs",
    {
      resourceLogs: [
        {
          scopeLogs: [
            {
              logRecords: [
                {
                  ...record,
                  attributes: [],
                  droppedAttributesCount: 0,
                  flags: 0,
                  traceId: "",
                  spanId: "",
                  eventName: "",
                },
              ],
              schemaUrl: "",
            },
          ],
          schemaUrl: "",
        },
      ],
    },
    1,
  );
  await harness.mirror.flush(30_000);
}

const mirrorPath = (path: string): string => join(dataDirPaths(harness.dir).mirror, path);
const listed = (table: string): FileEntry[] =>
  harness.catalog.snapshot().files.filter((file) => file.table === table);
const repair = (paths: readonly string[]): ReturnType<typeof repairMirror> =>
  repairMirror({ dataDir: harness.dir, catalog: harness.catalog, suspects: paths });

/** Everything that the views show of spans and logs. */
async function shown(): Promise<unknown> {
  const spans = await harness.query("SELECT * EXCLUDE (received_at) FROM spans ORDER BY seq, seq_index");
  return [spans, await harness.query("SELECT seq, seq_index FROM span_logs ORDER BY seq, seq_index")];
}

/** Compacts all that is there, as if its hour were over. */
async function compact(): Promise<void> {
  const past = Date.now() / 1000 - 2 * HOUR_SECONDS;
  for (const file of harness.catalog.snapshot().files) utimesSync(mirrorPath(file.path), past, past);
  const maintenance = startMaintenance({ dataDir: harness.dir, catalog: harness.catalog });
  const { failures } = await maintenance.runOnce();
  expect(failures).toBe(0);
  await maintenance.shutdown();
}

const DAMAGES = {
  "is gone": ["missing", (path: string) => rmSync(path)],
  "is cut short": ["size", (path: string) => truncateSync(path, 100)],
  "has no bytes": ["size", (path: string) => truncateSync(path, 0)],
  "has a flipped bit": [
    "content",
    (path: string) => {
      const bytes = readFileSync(path);
      const at = bytes.length >> 1;
      bytes[at] = (bytes[at] ?? 0) ^ 4;
      writeFileSync(path, bytes);
    },
  ],
} as const;

it.each(Object.entries(DAMAGES).slice(LONG_TESTS ? 0 : 2))(
  "item 61: a file that %s is found, set aside and made anew from the journal, and nothing else is touched",
  async (_title, [damage, apply]) => {
    await open();
    for (const numbers of [[1, 2], [3, 4], [5]]) await send(numbers);
    const before = await shown();
    const [, victim] = listed("spans");
    const path = victim?.path ?? "";
    const others = harness.catalog.snapshot().files.filter((file) => file.path !== path);
    apply(mirrorPath(path));
    const report = await repair(harness.catalog.snapshot().files.map((file) => file.path));
    expect(report).toMatchObject({
      quarantined: [{ entry: { path }, damage }],
      rebuilt: [{ path, rows: victim?.rows }],
      lost: [],
      failed: [],
    });
    expect(await shown()).toEqual(before);
    expect(harness.catalog.snapshot().files).toEqual(expect.arrayContaining(others));
    expect(harness.catalog.snapshot().quarantined).toEqual([]);
    expect(existsSync(join(harness.dir, "quarantine", path))).toBe(damage !== "missing");
  },
);

it("item 61: what the journal no longer has is reported exactly, stays on record, and the rest of the file comes back", async () => {
  await open();
  await send([1, 2]);
  await send([3, 4, 5]);
  const before = (await harness.query("SELECT name FROM spans ORDER BY name")).flat();
  expect(before).toHaveLength(5);
  await compact();
  const [file] = listed("spans");
  writeFileSync(mirrorPath(file?.path ?? ""), "damaged");
  // The journal begins with the third record: the first request's spans are in no other place.
  const segments = join(harness.dir, "journal");
  const rest = await harness.journal.append({
    signal: "traces",
    encoding: "identity",
    itemCount: 1,
    receivedUnixNano: 1n,
    payload: new Uint8Array(0),
  });
  expect(rest).toBe(5);
  flipPayload(join(segments, readdirSync(segments)[0] ?? ""), "s1");
  const report = await repair([file?.path ?? ""]);
  expect(report.lost).toMatchObject([{ entry: { path: file?.path }, lost: { rows: 2, seqs: [[1, 1]] } }]);
  expect((await harness.query("SELECT name FROM spans ORDER BY name")).flat()).toEqual(["s3", "s4", "s5"]);
  expect(readCatalog(dataDirPaths(harness.dir).mirror).quarantined).toMatchObject([{ lost: { rows: 2 } }]);
  // Nothing is tried again or counted twice.
  expect(await repair([])).toEqual({ quarantined: [], rebuilt: [], lost: [], failed: [] });
});

/** Damages the record in a segment that holds a text. */
function flipPayload(path: string, text: string): void {
  const bytes = readFileSync(path);
  const at = bytes.indexOf(text);
  expect(at).toBeGreaterThan(0);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

it("item 61: stopped after the file was set aside, the next repair makes its rows anew", async () => {
  await open();
  await send([1, 2]);
  const before = await shown();
  const [file] = listed("spans");
  rmSync(mirrorPath(file?.path ?? ""));
  const stop = new AbortController();
  const stopListening = harness.catalog.onCommit(() => stop.abort());
  await expect(
    repairMirror({
      dataDir: harness.dir,
      catalog: harness.catalog,
      suspects: [file?.path ?? ""],
      signal: stop.signal,
    }),
  ).rejects.toThrow();
  stopListening();
  expect(await harness.query("SELECT count(*)::INTEGER FROM spans")).toEqual([[0]]);
  expect(await repair([])).toMatchObject({ rebuilt: [{ rows: 2 }], failed: [] });
  expect(await shown()).toEqual(before);
});

it("item 61: whatever files are damaged, of any table and level, after the repair every view shows what it showed before", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          numbers: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 }),
          dayBefore: fc.boolean(),
          compactAfter: fc.integer({ min: 0, max: 3 }),
        }),
        { minLength: 2, maxLength: 4 },
      ),
      fc.infiniteStream(fc.boolean()),
      async (steps, isDamaged) => {
        await open();
        try {
          for (const { numbers, dayBefore, compactAfter } of steps) {
            await send(numbers, dayBefore ? { startTimeUnixNano: DAY_BEFORE } : {});
            if (compactAfter === 0) await compact();
          }
          const before = await shown();
          const victims = harness.catalog.snapshot().files.filter(() => isDamaged.next().value === true);
          for (const { path } of victims) truncateSync(mirrorPath(path), 10);
          const report = await repair(victims.map(({ path }) => path));
          expect(report).toMatchObject({ lost: [], failed: [] });
          expect(report.quarantined).toHaveLength(victims.length);
          expect(await shown()).toEqual(before);
          await compact();
          expect(await shown()).toEqual(before);
        } finally {
          await harness.close();
        }
      },
    ),
    { numRuns: Number(process.env["REPAIR_RUNS"] ?? 1) },
  );
  await open();
}, 400_000);
