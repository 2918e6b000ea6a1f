import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import {
  DEAD_LETTER_BYTES_MAX,
  DEAD_LETTER_FILE_BYTES,
  decodeOtlp,
  encodeOtlpJson,
  type Signal,
} from "../../schema/index.js";
import type { PartBody } from "./exporter.js";
import { inflatePayload } from "./payload.js";

/** Items that a destination gave up on, with all that is needed to try again. */
export interface DeadLetter {
  /** Journal record they came in. */
  readonly seq: number;
  readonly signal: Signal;
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

/**
 * Dead letters of one destination: `<dir>/<seq of the first>.jsonl`, one JSON object a line with the fields of
 * {@link DeadLetter} in snake_case and the body as OTLP JSON in `otlp` (or `payload_base64` with `encoding` when it could
 * not be decoded). Lines are appended in journal order and synced before the cursor moves over them.
 */
export class DeadLetterStore {
  readonly #dir: string;
  readonly #fileBytes: number;
  readonly #bytesMax: number;
  readonly #onRemoved: (path: string) => void;
  #file: { fd: number; bytes: number } | undefined;
  #dirty = false;

  /** `onRemoved` hears of each file that is removed because the store is at its bound. */
  constructor(options: {
    dir: string;
    fileBytes?: number;
    bytesMax?: number;
    onRemoved?: (path: string) => void;
  }) {
    this.#dir = options.dir;
    this.#onRemoved = options.onRemoved ?? (() => undefined);
    this.#fileBytes = options.fileBytes ?? DEAD_LETTER_FILE_BYTES;
    this.#bytesMax = options.bytesMax ?? DEAD_LETTER_BYTES_MAX;
  }

  /** Removes lines beyond the durable cursor, whose records will be delivered (and perhaps refused) again. */
  open(cursorSeq: number): void {
    for (const name of deadLetterFiles(this.#dir).reverse()) {
      const path = join(this.#dir, name);
      const lines = completeLines(readFileSync(path, "utf8"));
      const kept = lines.filter((line) => lineSeq(line) <= cursorSeq);
      if (kept.length === lines.length && kept.length > 0) return;
      rewriteLines(path, kept);
    }
  }

  /** Appends lines; they are durable after {@link sync}. */
  append(letters: readonly DeadLetter[]): void {
    for (const letter of letters) {
      const line = Buffer.from(`${deadLetterLine(letter)}\n`);
      if (this.#file !== undefined && this.#file.bytes + line.byteLength > this.#fileBytes) this.rotate();
      this.#file ??= this.#create(letter.seq);
      writeSync(this.#file.fd, line);
      this.#file.bytes += line.byteLength;
      this.#dirty = true;
    }
  }

  /** Makes everything appended durable. */
  sync(): void {
    if (!this.#dirty || this.#file === undefined) return;
    fsyncSync(this.#file.fd);
    this.#dirty = false;
  }

  /** Closes the current file, so that others may rewrite it. */
  rotate(): void {
    if (this.#file === undefined) return;
    this.sync();
    closeSync(this.#file.fd);
    this.#file = undefined;
  }

  #create(seq: number): { fd: number; bytes: number } {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.#dropOldest();
    const path = join(this.#dir, `${String(seq).padStart(16, "0")}.jsonl`);
    const fd = openSync(path, "a", 0o600);
    syncDirectory(this.#dir);
    return { fd, bytes: statSync(path).size };
  }

  #dropOldest(): void {
    const files = deadLetterFiles(this.#dir).map((name) => ({
      path: join(this.#dir, name),
      bytes: statSync(join(this.#dir, name)).size,
    }));
    let total = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files) {
      if (total + this.#fileBytes <= this.#bytesMax) return;
      rmSync(file.path);
      total -= file.bytes;
      this.#onRemoved(file.path);
    }
  }
}

/** Names of the dead-letter files of a destination, oldest first; empty when there are none. */
export function deadLetterFiles(dir: string): string[] {
  try {
    return readdirSync(dir)
      .filter((name) => FILE_NAME.test(name))
      .sort();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/** Lines of a file's text that end in a newline: a torn last line was never synced. */
export function completeLines(text: string): string[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.filter((line) => line !== "");
}

/** Replaces a file by these lines, or removes it when there are none. Atomic and durable. */
export function rewriteLines(path: string, lines: readonly string[]): void {
  if (lines.length === 0) {
    rmSync(path);
    return;
  }
  const temp = `${path}.tmp`;
  writeFileSync(temp, `${lines.join("\n")}\n`, { mode: 0o600, flush: true });
  renameSync(temp, path);
  syncDirectory(join(path, ".."));
}

function deadLetterLine(letter: DeadLetter): string {
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
  const otlp = bodyAsJson(letter);
  if (otlp !== undefined) return `${JSON.stringify(head).slice(0, -1)},"otlp":${otlp}}`;
  const { body } = letter;
  if (body.kind === "data")
    throw new Error(`a dead letter of record ${letter.seq} can't be written as OTLP JSON`);
  const payload = Buffer.from(body.payload).toString("base64");
  return JSON.stringify({ ...head, encoding: body.encoding, payload_base64: payload });
}

/** OTLP JSON that a person can read; undefined for stored bytes that don't decode. */
function bodyAsJson({ signal, body }: DeadLetter): string | undefined {
  if (body.kind === "data") return encodeOtlpJson(signal, body.data);
  try {
    return encodeOtlpJson(signal, decodeOtlp(signal, inflatePayload(body.encoding, body.payload)));
  } catch {
    return undefined;
  }
}

function lineSeq(line: string): number {
  const match = /^\{"seq":(\d+)/.exec(line);
  return match?.[1] === undefined ? Number.POSITIVE_INFINITY : Number(match[1]);
}

function syncDirectory(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
