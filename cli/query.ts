import { QUERY_MEMORY_MB } from "../schema/index.js";
import { createMirrorReader, type MirrorReader, type SqlParameter, type SqlValue } from "../store/index.js";
import { type Io, write } from "./io.js";
import { inert } from "./output/text.js";

/** What was said already: `tail` asks each second. */
const told = new WeakMap<Io, Set<string>>();

/** One of this process for each data directory: `tail` asks often, and `traces show` more than once. */
const readers = new Map<string, MirrorReader>();
/** Queries that a command has at once. */
const CONCURRENCY = 2;

function readerOf(dataDir: string): MirrorReader {
  let reader = readers.get(dataDir);
  if (reader === undefined) {
    reader = createMirrorReader({ dataDir, concurrency: CONCURRENCY, memoryMb: QUERY_MEMORY_MB });
    readers.set(dataDir, reader);
  }
  return reader;
}

/** Ends the processes that {@link mirrorRows} started. */
export async function closeReaders(): Promise<void> {
  const open = [...readers.values()];
  readers.clear();
  await Promise.all(open.map((reader) => reader.close()));
}

/**
 * Rows of one of the command line's own queries over the mirror, by a process that stays until the command ends. Times
 * are ISO text, integers beyond 2^53 bigint. Files that had to be left out are named on standard error, once each.
 * Ctrl-C ends the wait; the child ends with this process.
 */
export async function mirrorRows<Row>(
  io: Io,
  dataDir: string,
  sql: string,
  params: readonly SqlParameter[] = [],
): Promise<Row[]> {
  const warnings: string[] = [];
  const onWarning = (warning: string): void => void warnings.push(warning);
  const rows = (await untilAborted(io.signal, readerOf(dataDir).query(sql, params, { onWarning }))) as Row[];
  const before = told.get(io) ?? new Set();
  await warn(
    io,
    warnings.filter((warning) => !before.has(warning)),
  );
  told.set(io, new Set([...before, ...warnings]));
  return rows;
}

/** Says what a query left out, on standard error. */
export async function warn(io: Io, warnings: readonly string[]): Promise<void> {
  for (const warning of warnings)
    await write(io.stderr, `${io.paintError.warn("warning:")} ${inert(warning)}\n`);
}

/** The promise's result, or the rejection `AbortError` as soon as the signal fires. */
export async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let stop = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new DOMException("Interrupted", "AbortError"));
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    // Whoever lost the race may still fail: nobody waits for it any more.
    work.catch(() => undefined);
  }
}

/**
 * JSON of rows from the mirror. Integers that JavaScript can't hold are decimal text, and the control and reordering
 * characters that JSON may hold raw are escaped, so that the text is inert in a terminal.
 */
export function rowsToJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(
    value,
    (_key, item: SqlValue) => (typeof item === "bigint" ? item.toString() : item),
    indent,
  );
  return text.replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
