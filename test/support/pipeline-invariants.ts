import { join } from "node:path";
import { expect } from "vitest";
import { readStoredCursors } from "../../collector/destinations.js";
import { sumTotals } from "../../exporters/core/counts.js";
import type { CursorState } from "../../exporters/core/cursor.js";
import { completeLines, deadLetterFiles } from "../../exporters/core/dead-letter-file.js";
import { DeadLetterStore } from "../../exporters/core/dead-letters.js";
import { CursorFile, type JournalTail, openJournal, openJournalReader } from "../../journal/index.js";
import { decodeOtlp } from "../../schema/index.js";
import { type CatalogSnapshot, openCatalog } from "../../store/index.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { spansOf } from "./memory-journal.js";
import { DATA_DIR, deadLetterDir, PATHS, SINK } from "./pipeline-world.js";
import { countingRows, decodeRows, sha256, type StandInRow } from "./stand-in-files.js";

/** What the world has been told so far: the oracle. Names of spans are unique, but for spans that are sent twice. */
export interface Promised {
  /** Handed to the journal, answered or not. */
  readonly submitted: readonly string[];
  /** Acknowledged, with its seq. */
  readonly acked: Readonly<Record<string, number>>;
  /** What retention may have taken. */
  readonly expiring: readonly string[];
  /** What the sink's peer has taken. */
  readonly received: readonly string[];
}

/** What a restart finds. */
export interface Found {
  readonly snapshot: CatalogSnapshot;
  readonly tail: JournalTail;
  readonly firstSeq: number;
  /** Rows of the listed files that count. */
  readonly visible: readonly StandInRow[];
  /** Rows of the journal behind the mirror's cursor. */
  readonly remainder: readonly StandInRow[];
  readonly cursors: ReadonlyMap<string, JournalTail>;
  readonly sink: CursorState | undefined;
  /** Names in the sink's dead letters. */
  readonly letters: readonly string[];
}

/** Names of the spans in a dead letter's line. */
export function namesInLetter(line: string): string[] {
  const { otlp } = JSON.parse(line);
  return spansOf(otlp).map(({ name }) => name);
}

async function listedRows(
  disk: MemoryFileSystem,
  { files }: CatalogSnapshot,
): Promise<readonly StandInRow[]> {
  const rows: StandInRow[] = [];
  const superseded: StandInRow[] = [];
  for (const file of files) {
    const path = join(PATHS.mirror, file.path);
    expect(disk.paths(), "the manifest names a file that is not there").toContain(path);
    const bytes = disk.contentOf(path);
    expect(sha256(bytes), `${file.path} is not what the manifest says`).toBe(file.sha256);
    (file.table === "spans" ? rows : superseded).push(...decodeRows(bytes));
  }
  return countingRows(rows, superseded);
}

function journalRows(disk: MemoryFileSystem, afterSeq: number, upToSeq: number): StandInRow[] {
  const reader = openJournalReader({ dir: PATHS.journal, afterSeq, fileSystem: disk });
  const rows: StandInRow[] = [];
  let lastSeq = afterSeq;
  while (lastSeq < upToSeq) {
    const batch = reader.read({ maxBytes: 10_000, upToSeq });
    expect(batch.gaps, "the journal lacks records that are not sealed").toEqual([]);
    expect(batch.lastSeq, "the journal can't be read to its end").toBeGreaterThan(lastSeq);
    for (const { seq, payload } of batch.records) {
      for (const [seqIndex, span] of spansOf(decodeOtlp("traces", payload)).entries()) {
        rows.push({ traceId: span.traceId, spanId: span.spanId, name: span.name, seq, seqIndex });
      }
    }
    lastSeq = batch.lastSeq;
  }
  reader.close();
  return rows;
}

/** Opens everything durable once, as a start of the service would, and reads it. */
export async function inspect(disk: MemoryFileSystem): Promise<Found> {
  const catalog = await openCatalog({ mirrorDir: PATHS.mirror, fileSystem: disk, logLinesMax: 4 });
  const snapshot = catalog.snapshot();
  await catalog.close();
  const cursors = await readStoredCursors(DATA_DIR, disk);
  cursors.set("mirror", { seq: snapshot.sealedSeq, counts: snapshot.sealedCounts });
  const atLeast = [...cursors.values()].reduce((most, each) => (each.seq > most.seq ? each : most));
  const journal = await openJournal({ dir: PATHS.journal, fileSystem: disk, segmentBytes: 1_024, atLeast });
  const tail = journal.tail();
  const { firstSeq } = journal.stats();
  await journal.close();
  const sink = await new CursorFile<CursorState>(join(PATHS.cursors, `${SINK}.json`), disk).load();
  const store = new DeadLetterStore({ dir: deadLetterDir(SINK), fileSystem: disk });
  store.open(sink?.seq ?? 0);
  await store.rotate();
  const letters: string[] = [];
  for (const name of await deadLetterFiles(disk, deadLetterDir(SINK))) {
    const bytes = await disk.readFile(join(deadLetterDir(SINK), name));
    letters.push(...completeLines(bytes).flatMap(namesInLetter));
  }
  const visible = await listedRows(disk, snapshot);
  const remainder = journalRows(disk, snapshot.sealedSeq, tail.seq);
  return { snapshot, tail, firstSeq, visible, remainder, cursors, sink, letters };
}

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Everything acknowledged is there once; nothing else is, but what was sent and not answered, at most once. */
function checkRows({ visible, remainder, tail }: Found, promised: Promised): void {
  const rows = [...visible, ...remainder];
  const counts = countsOf(rows.map(({ name }) => name));
  const expiring = new Set(promised.expiring);
  const submitted = new Set(promised.submitted);
  for (const name of Object.keys(promised.acked)) {
    if (expiring.has(name)) expect(counts.get(name) ?? 0, `${name} is there twice`).toBeLessThanOrEqual(1);
    else expect(counts.get(name) ?? 0, `acknowledged ${name} must be there once`).toBe(1);
  }
  for (const [name, count] of counts) {
    expect(submitted.has(name), `${name} was never sent`).toBe(true);
    expect(count, `${name} is there twice`).toBe(1);
  }
  for (const { name, seq } of rows) {
    const acked = promised.acked[name];
    if (acked !== undefined) expect(seq, `${name} has another seq than it was acknowledged with`).toBe(acked);
  }
  const last = Math.max(0, ...Object.values(promised.acked));
  expect(tail.seq, "a seq that was given out could be given out again").toBeGreaterThanOrEqual(last);
}

function checkCursors(found: Found, promised: Promised): void {
  const { cursors, tail, firstSeq, snapshot, sink } = found;
  for (const [name, { seq }] of cursors) {
    expect(seq, `the cursor of ${name} is ahead of what is durable`).toBeLessThanOrEqual(tail.seq);
    expect(firstSeq, `the journal is trimmed beyond the cursor of ${name}`).toBeLessThanOrEqual(seq + 1);
  }
  const sealed = found.visible.length + promised.expiring.length;
  expect(snapshot.sealedCounts.traces).toBeLessThanOrEqual(Math.max(sealed, tail.counts.traces));
  if (sink === undefined) return;
  expect(sumTotals(sink.totals), "I2: the stored totals do not add up").toEqual(sink.counts);
}

/** What the sink's cursor has passed was taken by its peer or is a dead letter, once; nothing else is a dead letter. */
function checkSink({ sink, letters }: Found, promised: Promised): void {
  const seq = sink?.seq ?? 0;
  const received = new Set(promised.received);
  const dead = countsOf(letters);
  for (const [name, at] of Object.entries(promised.acked)) {
    const count = dead.get(name) ?? 0;
    expect(count, `${name} is a dead letter twice`).toBeLessThanOrEqual(1);
    if (at > seq) expect(count, `${name} is a dead letter before the cursor passed it`).toBe(0);
    else expect(received.has(name) || count === 1, `the cursor passed ${name}, and nobody has it`).toBe(true);
  }
}

/** All invariants of one restart. */
export function checkFound(found: Found, promised: Promised): void {
  checkRows(found, promised);
  checkCursors(found, promised);
  checkSink(found, promised);
}
