import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import {
  type FileSystem,
  type JournalReader,
  type JournalRecord,
  openJournalReader,
  writeFully,
} from "../../journal/index.js";
import {
  COLUMNS_VERSION,
  COMPACTED_FORMAT_VERSION,
  decodeOtlp,
  FORMAT_VERSION,
  type TracesData,
} from "../../schema/index.js";
import type { Compactor } from "../../store/compaction/compact.js";
import { dataDirPaths, type FileEntry } from "../../store/index.js";
import { addCounts } from "../../store/seal/dead-letter-counts.js";
import type {
  DeadLetterCounts,
  SealedRange,
  SealerPaths,
  SealOrder,
  SpanIds,
  WinnersOrder,
} from "../../store/seal/messages.js";
import type { SealerPort, StartSealer } from "../../store/seal/sealer-port.js";
import { SpanIdCollector } from "../../store/seal/span-ids.js";
import { spansOf } from "./memory-journal.js";

/*
 * DuckDB writes Parquet with I/O of its own, which no disk in memory can stand under. What stands in for it here writes
 * the same files, by the same steps, as JSON lines: what is tested is everything around the file.
 */

/** A row of a stand-in file: of `spans`, or of `superseded` (then it names the row that counts). */
export interface StandInRow {
  readonly traceId: string;
  readonly spanId: string;
  readonly name: string;
  readonly seq: number;
  readonly seqIndex: number;
}

/** The rows of a file's bytes. */
export function decodeRows(bytes: Uint8Array): StandInRow[] {
  return Buffer.from(bytes)
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as StandInRow);
}

/** SHA-256 in hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

interface NewFile {
  readonly table: string;
  readonly path: string;
  readonly level: number;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

/** Temporary name, sync, rename, sync of the folder: as the real writers do. */
async function writeRows(
  fs: FileSystem,
  mirrorDir: string,
  file: NewFile,
  rows: readonly StandInRow[],
): Promise<FileEntry> {
  const path = join(mirrorDir, file.path);
  const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await fs.mkdir(dirname(path));
  const open = await fs.open(`${path}.tmp`, "replace");
  try {
    await writeFully(open, [bytes], 0);
    await open.sync();
  } finally {
    await open.close();
  }
  await fs.rename(`${path}.tmp`, path);
  await fs.syncDirectory(dirname(path));
  return {
    ...file,
    rows: rows.length,
    bytes: bytes.length,
    sha256: sha256(bytes),
    minTimeUnixNano: null,
    maxTimeUnixNano: null,
    formatVersion: 1,
    columnsVersion: COLUMNS_VERSION,
  };
}

function rowsOf(record: JournalRecord): StandInRow[] {
  const data: TracesData = decodeOtlp("traces", record.payload);
  return spansOf(data).map((span, seqIndex) => ({
    traceId: span.traceId,
    spanId: span.spanId,
    name: span.name,
    seq: record.seq,
    seqIndex,
  }));
}

function idsOf(rows: readonly StandInRow[]): SpanIds {
  const ids = new SpanIdCollector();
  for (const row of rows) ids.addRow(row.traceId, row.spanId, { ...row, hasEnd: true });
  return ids.take();
}

class StandInSealer implements SealerPort {
  alive = true;
  readonly filler = "safe";
  readonly #fs: FileSystem;
  readonly #paths: SealerPaths;

  constructor(fs: FileSystem, paths: SealerPaths) {
    this.#fs = fs;
    this.#paths = paths;
  }

  async seal(order: SealOrder, onRead: (range: SealedRange) => void): Promise<SealedRange> {
    const { afterSeq, counts, place } = order;
    const dir = this.#paths.journalDir;
    const from = { afterSeq, counts, ...(place === undefined ? {} : { place }) };
    const reader = openJournalReader({ dir, ...from, fileSystem: this.#fs });
    const { range, rows, day } = readPiece(reader, order);
    reader.close();
    onRead(range);
    if (rows.length === 0) return range;
    const { firstSeq, lastSeq } = range;
    const path = `spans/date=${day}/0-${firstSeq}-${lastSeq}.parquet`;
    const file = { table: "spans", path, level: 0, firstSeq, lastSeq };
    return { ...range, files: [await writeRows(this.#fs, this.#paths.mirrorDir, file, rows)] };
  }

  async writeWinners({ date, firstSeq, lastSeq, winners }: WinnersOrder): Promise<FileEntry> {
    const path = `superseded/date=${date}/0-${firstSeq}-${lastSeq}.parquet`;
    const file = { table: "superseded", path, level: 0, firstSeq, lastSeq };
    const rows = winners.map((winner) => ({ ...winner, name: "" }));
    return writeRows(this.#fs, this.#paths.mirrorDir, file, rows);
  }

  async recentIds(paths: readonly string[], max: number): Promise<SpanIds> {
    const rows: StandInRow[] = [];
    for (const path of [...paths].reverse()) {
      rows.push(...decodeRows(await this.#fs.readFile(join(this.#paths.mirrorDir, path))));
    }
    return idsOf(rows.slice(-max));
  }

  async stop(): Promise<void> {
    this.alive = false;
  }
}

function readPiece(
  reader: JournalReader,
  order: SealOrder,
): { range: SealedRange; rows: StandInRow[]; day: string } {
  const records: JournalRecord[] = [];
  let range: SealedRange = {
    firstSeq: order.afterSeq + 1,
    lastSeq: order.afterSeq,
    counts: order.counts,
    bytes: 0,
    items: 0,
    place: undefined,
    files: [],
    ids: idsOf([]),
    deadLetter: {},
  };
  while (range.lastSeq < order.upToSeq && range.items < order.rowsMax) {
    if (records.length >= (order.recordsMax ?? Number.POSITIVE_INFINITY)) break;
    const batch = reader.read({ maxBytes: 1, upToSeq: order.upToSeq });
    if (batch.lastSeq === range.lastSeq) break;
    const { lastSeq, counts } = batch;
    let { items, bytes, deadLetter } = range;
    for (const record of batch.records) {
      records.push(record);
      items += record.itemCount;
      bytes += record.payload.length;
    }
    for (const gap of batch.gaps) {
      const tally: DeadLetterCounts = { [`journal_${gap.reason}`]: gap.counts };
      deadLetter = addCounts(deadLetter, tally);
    }
    range = { ...range, lastSeq, counts, items, bytes, deadLetter, place: reader.place() };
  }
  const rows = records.flatMap(rowsOf);
  const received = records[0]?.receivedUnixNano ?? 0n;
  const day = new Date(Number(received / 1_000_000n)).toISOString().slice(0, 10);
  return { range: { ...range, ids: idsOf(rows) }, rows, day };
}

/** Starts sealers that write stand-in files to this disk. */
export function standInSealer(fs: FileSystem): StartSealer {
  return (paths) => Promise.resolve(new StandInSealer(fs, paths));
}

/** Rows of listed files that count: of a span in several rows the one that `superseded` names. */
export function countingRows(
  rows: readonly StandInRow[],
  superseded: readonly StandInRow[],
): readonly StandInRow[] {
  const winners = new Map<string, StandInRow>();
  for (const winner of superseded) {
    const known = winners.get(winner.traceId + winner.spanId);
    const isLater =
      known === undefined ||
      winner.seq > known.seq ||
      (winner.seq === known.seq && winner.seqIndex > known.seqIndex);
    if (isLater) winners.set(winner.traceId + winner.spanId, winner);
  }
  return rows.filter((row) => {
    const winner = winners.get(row.traceId + row.spanId);
    return winner === undefined || (winner.seq === row.seq && winner.seqIndex === row.seqIndex);
  });
}

/** A compactor that joins its inputs into one file without the rows that lost. It leaves `superseded` alone. */
export function standInCompactor(fs: FileSystem): Compactor {
  return async ({ dataDir, job }) => {
    const { mirror } = dataDirPaths(dataDir);
    const rowsIn: StandInRow[] = [];
    const superseded: StandInRow[] = [];
    const damaged: string[] = [];
    for (const file of [...job.inputs, ...job.superseded]) {
      const bytes = await fs.readFile(join(mirror, file.path)).catch(() => new Uint8Array());
      if (sha256(bytes) !== file.sha256) damaged.push(file.path);
      else (file.table === "superseded" ? superseded : rowsIn).push(...decodeRows(bytes));
    }
    if (damaged.length > 0) return { ok: false, message: "files are damaged", damaged };
    const firstSeq = Math.min(...job.inputs.map((file) => file.firstSeq));
    const lastSeq = Math.max(...job.inputs.map((file) => file.lastSeq));
    const inputs = job.inputs.map(({ path }) => path);
    const rows = countingRows(rowsIn, superseded);
    const folder = inputs[0]?.split("/")[1] ?? "";
    const level = 1;
    const name = `${level}-${firstSeq}-${lastSeq}-${sha256(Buffer.from(inputs.join())).slice(0, 8)}.parquet`;
    const file = { table: job.table, path: `${job.table}/${folder}/${name}`, level, firstSeq, lastSeq };
    // A file in an older layout would be compacted again.
    const formatVersion = job.table === "spans" ? COMPACTED_FORMAT_VERSION : FORMAT_VERSION;
    const add = [{ ...(await writeRows(fs, mirror, file, rows)), formatVersion }];
    return { ok: true, add, remove: inputs, rowsIn: rowsIn.length, rowsOut: rows.length };
  };
}
