import { dirname, join } from "node:path";
import { type FileSystem, systemErrorCode, writeFileAtomically } from "../../journal/index.js";
import { decodeOtlp, encodeOtlpJson, type JournalSignal, type Signal } from "../../schema/index.js";
import type { PartBody } from "./exporter.js";
import { inflatePayload } from "./payload.js";
import { recordLines } from "./record-lines.js";

/** Items that a destination gave up on, with all that is needed to try again. */
export interface DeadLetter {
  /** Journal record they came in. */
  readonly seq: number;
  readonly signal: JournalSignal;
  readonly items: number;
  /** Counter they are under: `rejected_400`, `too_large`, `undecodable`, a processor's reason. */
  readonly reason: string;
  /** The peer's or the decoder's words, cleaned. */
  readonly message: string;
  readonly timeMs: number;
  /** Whether the destination's processors have been through the body; a replay runs them otherwise. */
  readonly processed: boolean;
  /** Items in the body, when the peer refused only some of them and did not say which. */
  readonly candidates?: number;
  readonly body: PartBody;
}

const FILE_NAME = /^\d{16}\.jsonl$/;

/** Path of the file that begins with a dead letter of record `seq`. */
export function deadLetterPath(dir: string, seq: number): string {
  return join(dir, `${String(seq).padStart(16, "0")}.jsonl`);
}

/** Names of the dead-letter files of a destination, oldest first; empty when there are none. */
export async function deadLetterFiles(fs: FileSystem, dir: string): Promise<string[]> {
  try {
    return (await fs.readdir(dir)).filter((name) => FILE_NAME.test(name)).sort();
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return [];
    throw error;
  }
}

/** Lines of a file's text that end in a newline: a torn last line was never synced. */
export function completeLines(bytes: Uint8Array): string[] {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8").split("\n");
  lines.pop();
  return lines.filter((line) => line !== "");
}

/** Replaces a file by these lines, or removes it when there are none. Atomic and durable. */
export async function rewriteLines(fs: FileSystem, path: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) return writeFileAtomically(fs, path, Buffer.from(`${lines.join("\n")}\n`));
  await fs.unlink(path);
  await fs.syncDirectory(dirname(path));
}

/** The line of a dead letter, without its newline: see docs/delivery-guarantees.md. */
export function deadLetterLine(letter: DeadLetter): string {
  const head = {
    seq: letter.seq,
    time: new Date(letter.timeMs).toISOString(),
    signal: letter.signal,
    items: letter.items,
    ...(letter.candidates === undefined ? {} : { candidates: letter.candidates }),
    reason: letter.reason,
    message: letter.message,
    processed: letter.processed,
  };
  const records = letter.signal === "records" ? recordsAsJson(letter.body) : undefined;
  if (records !== undefined) return `${JSON.stringify(head).slice(0, -1)},"records":${records}}`;
  const otlp = letter.signal === "records" ? undefined : bodyAsJson(letter.signal, letter.body);
  if (otlp !== undefined) return `${JSON.stringify(head).slice(0, -1)},"otlp":${otlp}}`;
  const { body } = letter;
  if (body.kind === "data")
    throw new Error(`a dead letter of record ${letter.seq} can't be written as OTLP JSON`);
  const payload = Buffer.from(body.payload).toString("base64");
  return JSON.stringify({ ...head, encoding: body.encoding, payload_base64: payload });
}

/** A list of the changes; undefined for stored bytes that are none. */
function recordsAsJson(body: PartBody): string | undefined {
  try {
    const list = `[${recordLines(body).join(",")}]`;
    JSON.parse(list);
    return list;
  } catch {
    return undefined;
  }
}

/** OTLP JSON that a person can read; undefined for stored bytes that don't decode. */
function bodyAsJson(signal: Signal, body: PartBody): string | undefined {
  if (body.kind === "data") return encodeOtlpJson(signal, body.data);
  try {
    return encodeOtlpJson(signal, decodeOtlp(signal, inflatePayload(body.encoding, body.payload)));
  } catch {
    return undefined;
  }
}

/** The record that a line belongs to; infinity for a line that nobody wrote. */
export function lineSeq(line: string): number {
  const match = /^\{"seq":(\d+)/.exec(line);
  return match?.[1] === undefined ? Number.POSITIVE_INFINITY : Number(match[1]);
}
