import { CounterfoilError } from "./errors.js";
import { JOURNAL_SIGNALS, type JournalSignal } from "./signals.js";

/** Path to which an import posts what a running server is to make durable. */
export const IMPORT_PATH = "/api/v1/import/entries";
/** Path to which the pieces of a larger one are put, followed by a UUID that the sender makes. */
export const IMPORT_UPLOAD_PATH = "/api/v1/import/uploads/";
/** Media type of such a body: no web page can send it elsewhere without being asked (CSRF). */
export const IMPORT_MEDIA_TYPE = "application/vnd.counterfoil.entries";

/** One journal record on its way to a server. */
export interface BatchEntry {
  readonly signal: JournalSignal;
  readonly payload: Uint8Array;
  /** When it was received first, ns since 1970; undefined for now. */
  readonly receivedUnixNano: bigint | undefined;
}

/** Longest head line, bytes. */
const HEAD_BYTES_MAX = 200;
const NEW_LINE = 10;

/** Entries one after the other: a line with signal, bytes and time of receipt (`-` for now), then that many bytes. */
export function encodeImportBatch(entries: readonly BatchEntry[]): Uint8Array {
  return Buffer.concat(
    entries.flatMap(({ signal, payload, receivedUnixNano }) => [
      Buffer.from(`${signal} ${payload.length} ${receivedUnixNano ?? "-"}\n`, "latin1"),
      payload,
    ]),
  );
}

/** The entries of a body; payloads are views of it. Throws CF_REQUEST_INVALID when it is cut short or no such body. */
export function decodeImportBatch(body: Uint8Array): BatchEntry[] {
  const entries: BatchEntry[] = [];
  let at = 0;
  while (at < body.length) {
    const end = body.subarray(at, at + HEAD_BYTES_MAX).indexOf(NEW_LINE) + at;
    const head = /^(\w+) (\d{1,15}) (-|\d{1,20})$/.exec(
      Buffer.from(body.subarray(at, Math.max(at, end))).toString("latin1"),
    );
    const [, name, length = "", received = ""] = head ?? [];
    const next = end + 1 + Number(length);
    const signal = JOURNAL_SIGNALS.find((known) => known === name);
    if (signal === undefined || next > body.length) {
      throw new CounterfoilError(
        "CF_REQUEST_INVALID",
        `Entry ${entries.length + 1} of the body is damaged or cut short.`,
      );
    }
    entries.push({
      signal,
      payload: body.subarray(end + 1, next),
      receivedUnixNano: received === "-" ? undefined : BigInt(received),
    });
    at = next;
  }
  return entries;
}
