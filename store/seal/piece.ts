import { CounterfoilError } from "../../schema/index.js";
import type { FileEntry } from "../types.js";
import type { ReadRange, SealedRange, SealOrder, Winner } from "./messages.js";

/** Faults of one piece after which it is cut in half, to get past the record that can't be sealed. */
const FAULTS_BEFORE_HALVING = 2;
/** Faults of a single record after which it becomes a dead letter. */
const FAULTS_BEFORE_GIVING_UP = 4;
/** Where a piece that was never read begins to be cut, records. */
const RECORDS_GUESS = 1_024;

/** One piece of the journal on its way into the mirror. */
export interface Piece {
  order: SealOrder;
  /** Known once a worker has read it; from then on every attempt has the same end. */
  read: ReadRange | undefined;
  sealed: SealedRange | undefined;
  /** Known once its ids were compared with those before; that happens once. */
  winners: readonly Winner[] | undefined;
  running: boolean;
  /** Attempts that failed for a reason that will not go away: a crash, or an error that is not the disk's. */
  faults: number;
  /** When it was given out first, epoch milliseconds. */
  readonly since: number;
}

/** A piece that nobody has worked on yet. */
export function newPiece(order: SealOrder, now: number): Piece {
  return {
    order,
    read: undefined,
    sealed: undefined,
    winners: undefined,
    running: false,
    faults: 0,
    since: now,
  };
}

/**
 * Notes a fault. Returns true when the piece became shorter: its end is open again and everything behind it moves.
 * By halves it comes down to the one record at fault, which in the end is kept as a dead letter instead.
 */
export function narrow(piece: Piece): boolean {
  piece.faults++;
  const { order, read } = piece;
  const most = Math.min(order.recordsMax ?? RECORDS_GUESS, order.upToSeq - order.afterSeq);
  const records = read === undefined ? most : read.lastSeq - order.afterSeq;
  if (records <= 1) {
    if (piece.faults >= FAULTS_BEFORE_GIVING_UP) piece.order = { ...order, giveUp: true };
    return false;
  }
  if (piece.faults < FAULTS_BEFORE_HALVING) return false;
  piece.order = { ...order, recordsMax: Math.ceil(records / 2) };
  piece.read = undefined;
  return true;
}

/** The day folder of the spans that a piece brought. */
export function dateOf(files: readonly FileEntry[]): string {
  const spans = files.find((file) => file.table === "spans");
  const date = /date=(\d{4}-\d{2}-\d{2})\//.exec(spans?.path ?? "")?.[1];
  if (date === undefined) throw new CounterfoilError("CF_SEAL_FAILED", "superseded rows without spans");
  return date;
}

/** The newest files with at least `rowsMax` rows together, or all. */
export function newestFiles(files: readonly FileEntry[], rowsMax: number): FileEntry[] {
  const newest: FileEntry[] = [];
  let rows = 0;
  for (const file of [...files].sort((a, b) => b.firstSeq - a.firstSeq)) {
    if (rows >= rowsMax) break;
    newest.push(file);
    rows += file.rows;
  }
  return newest;
}
