import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import {
  dataDirPaths,
  type FileCatalog,
  type FileEntry,
  type MaintenanceOptions,
  openCatalog,
  startMaintenance,
} from "../../store/index.js";
import { compactInChild, type Compactor, runCompactionJob } from "../../store/compaction/compact.js";
import { planCompaction } from "../../store/compaction/plan.js";
import { snapshotSources, viewStatements } from "../../store/views/open-sql.js";
import { tracesOfRows } from "../../store/views/trace-parts.js";
import { duck, temporaryFolder, writeRows, type Row } from "./mirror-files.js";

const HOUR_MS = 3_600_000;
const START_MS = Date.parse("2026-11-23T10:30:00Z");

interface Arrival {
  /** Which span: few, so that duplicates are common. */
  readonly span: number;
  readonly ended: boolean;
  /** Event time before the time received, in hours; beyond a day ahead it is implausible. */
  readonly hoursAgo: number | undefined;
}

/** Values that every arrival of a span has otherwise: some missing, some equal across spans. */
function variety(span: number, seq: number): Row {
  const pick = <T>(at: number, ...values: T[]): T => values[(span * 7 + seq * 3 + at) % values.length] as T;
  return {
    parent_span_id: span < 3 ? null : "b".repeat(16),
    project: pick(1, null, "p1", "p2"),
    conversation_id: pick(2, null, "c1"),
    user_id: pick(3, "u1", null, "u2"),
    status_code: pick(4, null, "OK", "ERROR"),
    error_type: pick(5, null, null, "Timeout"),
    run_type: pick(0, "llm", "tool", "chain"),
    request_model: pick(1, "m1", null, "m2"),
    response_model: pick(2, null, null, 'm"3'),
    usage_scope: pick(3, null, "own", "rollup"),
    input_tokens: pick(4, 5, null),
    output_tokens: pick(0, 7, null, 11),
    cost_usd: pick(2, 0.5, null),
    tags: pick(1, null, '["t"]'),
    input_messages: pick(0, null, `[{"role":"user","content":"${span} ''é"}]`, ""),
    output_messages: pick(3, null, "out"),
    tool_arguments: pick(2, null, "{}"),
    tool_result: pick(1, "r", null),
    // Long enough for compaction to sort by conversation.
    retrieval_documents: `["${"word ".repeat(40)}${seq}"]`,
  };
}

/** Plays the mirror's coordinator: one level-0 file a batch, `superseded` for spans that came before. */
class World {
  readonly dataDir = temporaryFolder();
  readonly mirror = dataDirPaths(this.dataDir).mirror;
  readonly winners = new Map<number, { rank: [boolean, number, number]; row: string }>();
  nowMs = START_MS;
  seq = 0;
  catalog: FileCatalog | undefined;

  async open(): Promise<FileCatalog> {
    mkdirSync(dataDirPaths(this.dataDir).temp, { recursive: true });
    this.catalog ??= await openCatalog({ mirrorDir: this.mirror });
    return this.catalog;
  }

  async seal(arrivals: readonly Arrival[]): Promise<void> {
    const catalog = await this.open();
    this.seq += 1;
    const spans: Row[] = [];
    const superseded: Row[] = [];
    for (const [at, { span, ended, hoursAgo }] of arrivals.entries()) {
      const time = hoursAgo === undefined ? null : this.time(this.nowMs - hoursAgo * HOUR_MS);
      // Few traces, so that they go across files and days; one of them never gets a root.
      const ids = { trace_id: `${span % 4}`.padEnd(32, "a"), span_id: `${span}`.padStart(16, "b") };
      spans.push({
        ...ids,
        ...variety(span, this.seq),
        name: `${span} at ${this.seq}.${at}`,
        start_time: time,
        end_time: ended ? this.time(this.nowMs) : null,
        received_at: this.time(this.nowMs),
        attributes: "{}",
        seq: this.seq,
        seq_index: at,
      });
      const before = this.winners.get(span);
      const rank: [boolean, number, number] = [ended, this.seq, at];
      const wins = before === undefined || Number(ended) >= Number(before.rank[0]);
      const winner = wins ? { rank, row: `${span} at ${this.seq}.${at}` } : before;
      this.winners.set(span, winner);
      if (before !== undefined) superseded.push({ ...ids, seq: winner.rank[1], seq_index: winner.rank[2] });
    }
    const folder = `date=${new Date(this.nowMs).toISOString().slice(0, 10)}`;
    const name = `${folder}/0-${this.seq}-${this.seq}.parquet`;
    const add = [await this.write(`spans/${name}`, spans)];
    if (superseded.length > 0) add.push(await this.write(`superseded/${name}`, superseded));
    await catalog.commit({ add, remove: [], sealedSeq: this.seq });
  }

  async write(path: string, rows: readonly Row[]): Promise<FileEntry> {
    const entry = await writeRows(this.mirror, path, rows);
    utimesSync(join(this.mirror, path), this.nowMs / 1000, this.nowMs / 1000);
    return entry;
  }

  time(ms: number): string {
    return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
  }

  async maintain(more: Partial<MaintenanceOptions> = {}): Promise<Awaited<ReturnType<FileCatalog["sweep"]>>> {
    const catalog = await this.open();
    const warnings: string[] = [];
    const maintenance = startMaintenance({
      dataDir: this.dataDir,
      catalog,
      now: () => this.nowMs,
      logger: {
        info: () => undefined,
        warn: (fields, text) => warnings.push(`${text} ${JSON.stringify(fields)}`),
      },
      ...more,
    });
    await maintenance.runOnce();
    await maintenance.shutdown();
    return warnings;
  }

  /** Names in the view `spans`, and in the files as they are. */
  async names(): Promise<{ visible: string[]; stored: string[] }> {
    const catalog = await this.open();
    const files = catalog.snapshot().files.map((file) => ({ ...file, path: join(this.mirror, file.path) }));
    const connection = await duck();
    for (const statement of viewStatements(snapshotSources({ ...catalog.snapshot(), files }))) {
      await connection.run(statement);
    }
    const read = async (sql: string): Promise<string[]> =>
      (await connection.runAndReadAll(sql)).getRows().map(([name]) => String(name));
    const paths = files.filter(({ table }) => table === "spans").map(({ path }) => `'${path}'`);
    return {
      visible: await read("SELECT name FROM spans ORDER BY name"),
      stored:
        paths.length === 0
          ? []
          : await read(`SELECT name FROM read_parquet([${paths.join(",")}]) ORDER BY name`),
    };
  }

  /** Every column of the view `spans`, and what `traces` shows beside what it is to show, computed from `spans`. */
  async contents(): Promise<{ spans: unknown; traces: unknown; wanted: unknown }> {
    const connection = await duck();
    const snapshot = (await this.open()).snapshot();
    for (const statement of viewStatements(snapshotSources(snapshot, this.mirror))) {
      await connection.run(statement);
    }
    const read = async (sql: string): Promise<unknown> =>
      (await connection.runAndReadAll(sql)).getRowObjectsJson();
    return {
      spans: await read("SELECT * FROM spans ORDER BY seq, seq_index"),
      // While rows wait, a missing parent may not be known as such: traces.test.ts.
      traces: await read(
        "SELECT * EXCLUDE (orphans, clock_skew_ms, complete, feedback) FROM traces ORDER BY trace_id",
      ),
      wanted: await read(
        `SELECT * EXCLUDE (orphans, clock_skew_ms, complete) FROM (${tracesOfRows("spans")}) ORDER BY trace_id`,
      ),
    };
  }

  expected(): string[] {
    return [...this.winners.values()].map(({ row }) => row).sort();
  }

  async close(): Promise<void> {
    await this.catalog?.close();
    this.catalog = undefined;
  }
}

const arrival = fc.record<Arrival>({
  span: fc.nat({ max: 9 }),
  ended: fc.boolean(),
  hoursAgo: fc.constantFrom(0, 1, 13, 30, -2, -48, 24 * 365 * 60, undefined),
});
const round = fc.record({
  batches: fc.array(fc.array(arrival, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 3 }),
  openFilesMax: fc.constantFrom(1, 60),
  /** Small ones make compaction write several files of one day. */
  rawBytesMax: fc.constantFrom(4_000, 100_000_000),
  hoursLater: fc.constantFrom(0, 1, 20),
});

test("I6: whatever arrives twice, compaction keeps exactly the rows that count, in files of their days", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 3 }), async (rounds) => {
      const world = new World();
      for (const { batches, hoursLater, openFilesMax, rawBytesMax } of rounds) {
        const compactor: Compactor = (run) => compactInChild({ ...run, rawBytesMax });
        for (const batch of batches) await world.seal(batch);
        expect((await world.names()).visible).toEqual(world.expected());
        const before = await world.contents();
        expect(before.traces).toEqual(before.wanted);
        world.nowMs += hoursLater * HOUR_MS;
        expect(await world.maintain({ compaction: { openFilesMax, compactor } })).toEqual([]);
        expect((await world.names()).visible).toEqual(world.expected());
        const after = await world.contents();
        expect(after.spans).toEqual(before.spans);
        expect(after.traces).toEqual(before.wanted);
      }
      world.nowMs += 2 * HOUR_MS;
      await world.maintain();
      const { visible, stored } = await world.names();
      expect(visible).toEqual(world.expected());
      // Nothing is open any more: the losers are gone for good, and so are the entries that named them.
      expect(stored).toEqual(visible);
      const files = (await world.open()).snapshot().files;
      expect(files.filter(({ table, level }) => table === "superseded" || level === 0)).toEqual([]);
      await world.close();
    }),
    { numRuns: Number(process.env["COMPACTION_RUNS"] ?? 1) },
  );
}, 240_000);

test("files go to the day of their events, or of receipt when the event's time is not plausible", async () => {
  const world = new World();
  const at = (span: number, hoursAgo: number | undefined): Arrival => ({ span, ended: true, hoursAgo });
  await world.seal([at(1, 0), at(2, 30), at(3, undefined), at(4, -48), at(5, 24 * 365 * 60), at(6, -20)]);
  world.nowMs += HOUR_MS;
  await world.maintain();
  const files = (await world.open()).snapshot().files;
  expect(files.map(({ path, rows }) => [path.split("/")[1], rows])).toEqual([
    ["date=2026-11-22", 1],
    ["date=2026-11-23", 4],
    ["date=2026-11-24", 1],
  ]);
  const first = files[0];
  expect(first).toMatchObject({ level: 1, firstSeq: 1, lastSeq: 1, table: "spans" });
  expect(first?.minTimeUnixNano).toBe(`${START_MS - 30 * HOUR_MS}000000`);
  expect(first?.maxTimeUnixNano).toBe(first?.minTimeUnixNano);
  await world.close();
});

test("a span that came twice unnoticed, long after the first time, is one row after compaction", async () => {
  const world = new World();
  await world.seal([{ span: 1, ended: true, hoursAgo: 0 }]);
  world.winners.clear();
  await world.seal([
    { span: 1, ended: false, hoursAgo: 0 },
    { span: 2, ended: true, hoursAgo: 0 },
  ]);
  expect((await world.names()).visible).toHaveLength(3);
  world.nowMs += HOUR_MS;
  await world.maintain();
  expect((await world.names()).visible).toEqual(["1 at 1.0", "2 at 2.1"]);
  await world.close();
});

test("files of the open hour are compacted when there are too many, and not before", async () => {
  const world = new World();
  for (let span = 0; span < 5; span += 1) await world.seal([{ span, ended: true, hoursAgo: 0 }]);
  await world.maintain({ compaction: { openFilesMax: 5 } });
  expect((await world.open()).snapshot().files).toHaveLength(5);
  await world.seal([{ span: 5, ended: true, hoursAgo: 0 }]);
  await world.maintain({ compaction: { openFilesMax: 5 } });
  expect((await world.open()).snapshot().files).toMatchObject([
    { level: 1, rows: 6, firstSeq: 1, lastSeq: 6 },
  ]);
  expect((await world.names()).visible).toEqual(world.expected());
  await world.close();
});

test("the small files of a day that is over become one", async () => {
  const world = new World();
  for (let hour = 0; hour < 3; hour += 1) {
    await world.seal([{ span: hour, ended: true, hoursAgo: 0 }]);
    world.nowMs += HOUR_MS;
    await world.maintain();
  }
  expect((await world.open()).snapshot().files).toHaveLength(3);
  world.nowMs += 24 * HOUR_MS;
  await world.maintain();
  expect((await world.open()).snapshot().files).toMatchObject([
    { level: 1, rows: 3, firstSeq: 1, lastSeq: 3 },
  ]);
  await world.close();
});

test("catalogue item 40: killed before the commit, nothing changed, and the redone job gives the same files", async () => {
  const world = new World();
  const catalog = await world.open();
  await world.seal([1, 2, 2].map((span) => ({ span, ended: true, hoursAgo: 0 })));
  await world.seal([2, 3].map((span) => ({ span, ended: true, hoursAgo: 30 })));
  world.nowMs += HOUR_MS;
  const before = catalog.snapshot();
  const job = planCompaction(before.files, { nowMs: world.nowMs, writtenMs: () => START_MS });
  if (job === undefined) throw new Error("nothing was planned");
  const stop = new AbortController();
  const killed = runCompactionJob({ dataDir: world.dataDir, catalog, job, signal: stop.signal });
  stop.abort();
  await expect(killed).rejects.toMatchObject({ code: "CF_SEAL_FAILED", retryable: true });
  expect(catalog.snapshot()).toBe(before);
  // Died after writing, before the commit.
  const never = {
    ...catalog,
    snapshot: () => before,
    commit: () => Promise.reject(new Error("power cut")),
  } as unknown as FileCatalog;
  await expect(runCompactionJob({ dataDir: world.dataDir, catalog: never, job })).rejects.toMatchObject({
    code: "CF_SEAL_FAILED",
  });
  expect((await world.names()).visible).toEqual(world.expected());
  const left = readdirSync(join(world.mirror, "spans/date=2026-11-23")).filter((name) =>
    name.startsWith("1-"),
  );
  expect(left).toHaveLength(1);
  await world.maintain();
  const listed = catalog.snapshot().files.map(({ path }) => path);
  expect(listed).toContain(`spans/date=2026-11-23/${left[0]}`);
  expect((await world.names()).stored).toEqual(world.expected());
  await world.close();
});

test("entries of superseded stay while a file that may hold losing rows can't be read", async () => {
  const world = new World();
  await world.seal([{ span: 1, ended: true, hoursAgo: 0 }]);
  world.nowMs += HOUR_MS;
  await world.maintain();
  const settled = (await world.open()).snapshot().files[0]?.path ?? "";
  const bytes = readFileSync(join(world.mirror, settled));
  writeFileSync(join(world.mirror, settled), "cut");
  await world.seal([{ span: 1, ended: true, hoursAgo: 0 }]);
  world.nowMs += HOUR_MS;
  const catalog = await world.open();
  const job = planCompaction(catalog.snapshot().files, {
    nowMs: world.nowMs,
    writtenMs: ({ path }) => statSync(join(world.mirror, path)).mtimeMs,
    skip: new Set([settled]),
  });
  expect(job).toMatchObject({ keepSuperseded: true });
  if (job !== undefined) await runCompactionJob({ dataDir: world.dataDir, catalog, job });
  const files = catalog.snapshot().files;
  expect(files.map(({ table, level }) => `${table} ${level}`).sort()).toEqual([
    "spans 1",
    "spans 1",
    "superseded 0",
  ]);
  writeFileSync(join(world.mirror, settled), bytes);
  expect((await world.names()).visible).toEqual(world.expected());
  await world.close();
});

test("catalogue item 61: a damaged file is set aside and reported; the others are compacted", async () => {
  const world = new World();
  await world.seal([{ span: 1, ended: true, hoursAgo: 0 }]);
  await world.seal([{ span: 2, ended: true, hoursAgo: 0 }]);
  const path = "spans/date=2026-11-23/0-1-1.parquet";
  writeFileSync(join(world.mirror, path), "PAR1 but not really");
  utimesSync(join(world.mirror, path), START_MS / 1000, START_MS / 1000);
  world.nowMs += HOUR_MS;
  expect((await world.maintain())[0]).toContain(path);
  const { files, quarantined } = (await world.open()).snapshot();
  expect(files).toMatchObject([{ level: 1, firstSeq: 2 }]);
  expect(quarantined).toMatchObject([{ entry: { path }, damage: "size" }]);
  expect(existsSync(join(world.dataDir, "quarantine", path))).toBe(true);
  await world.close();
});
