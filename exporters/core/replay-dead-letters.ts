import { join } from "node:path";
import { type FileSystem, nodeFileSystem, type PayloadEncoding } from "../../journal/index.js";
import {
  countItems,
  decodeOtlp,
  decodeOtlpJson,
  type JournalSignal,
  SIGNALS,
  type Signal,
  type SignalData,
} from "../../schema/index.js";
import type { DeadLetterReplayReport } from "../destination-types.js";
import type { Processor } from "../processors/index.js";
import { completeLines, deadLetterFiles, rewriteLines } from "./dead-letter-file.js";
import { createBatch, type Exporter, type PartBody } from "./exporter.js";
import { inflatePayload } from "./payload.js";
import { recordsBody } from "./record-lines.js";

/** What {@link replayDeadLetters} works with. */
export interface DeadLetterReplayOptions {
  readonly dir: string;
  readonly fileSystem?: FileSystem;
  readonly exporter: Exporter;
  /** Run over letters that were set aside before or by the processors (I7: nothing leaves around them). */
  readonly processors: readonly Processor[];
  readonly abort: AbortSignal;
}

/**
 * Sends every dead letter once more, oldest first, one a request. Lines that the peer takes are removed, all others
 * stay as they are; a failure that is not about the content ends the run. The store's current file must be closed.
 */
export async function replayDeadLetters(options: DeadLetterReplayOptions): Promise<DeadLetterReplayReport> {
  const report = { files: 0, delivered: 0, kept: 0 };
  const fs = options.fileSystem ?? nodeFileSystem;
  let goOn = true;
  for (const name of await deadLetterFiles(fs, options.dir)) {
    const path = join(options.dir, name);
    const kept: string[] = [];
    const lines = completeLines(await fs.readFile(path));
    for (const line of lines) {
      const result = goOn ? await resend(line, options) : "stopped";
      if (result === "stopped") goOn = false;
      if (result === "delivered") report.delivered += 1;
      else kept.push(line);
    }
    report.files += 1;
    report.kept += kept.length;
    if (kept.length < lines.length) await rewriteLines(fs, path, kept);
  }
  return report;
}

async function resend(
  line: string,
  options: DeadLetterReplayOptions,
): Promise<"delivered" | "refused" | "stopped"> {
  let letter: Letter;
  try {
    letter = readLetter(line, options.processors);
  } catch {
    return "refused";
  }
  const { signal, itemCount, body } = letter;
  if (itemCount === 0) return "delivered";
  const entry = { seq: 0, signal, remaining: itemCount };
  const part = { entry, itemCount, bytes: line.length, body };
  const outcome = await options.exporter.send(createBatch(signal, [part]), options.abort);
  if (outcome.kind === "delivered") return outcome.rejected === undefined ? "delivered" : "refused";
  return outcome.kind === "retry" || outcome.kind === "blocked" ? "stopped" : "refused";
}

interface Letter {
  readonly signal: JournalSignal;
  readonly itemCount: number;
  readonly body: PartBody;
}

/** Throws when the line can't be read, or a processor takes something out again. */
function readLetter(line: string, processors: readonly Processor[]): Letter {
  const fields = JSON.parse(line) as Record<string, unknown>;
  const { records, signal: name } = fields;
  if (name === "records" && Array.isArray(records)) {
    const lines = records.map((record) => JSON.stringify(record));
    return { signal: name, itemCount: lines.length, body: recordsBody(lines) };
  }
  const signal = SIGNALS.find((known) => known === name);
  if (signal === undefined) throw new Error("no signal");
  const data = processed(signal, fields, processors);
  return { signal, itemCount: countItems(signal, data), body: { kind: "data", data } };
}

function processed(
  signal: Signal,
  fields: Readonly<Record<string, unknown>>,
  processors: readonly Processor[],
): SignalData[Signal] {
  const payload = fields["payload_base64"];
  let data =
    typeof payload === "string"
      ? decodeOtlp(
          signal,
          inflatePayload(fields["encoding"] as PayloadEncoding, Buffer.from(payload, "base64")),
        )
      : decodeOtlpJson(signal, JSON.stringify(fields["otlp"]));
  if (fields["processed"] === true) return data;
  for (const processor of processors) {
    const result = processor.process(signal, data);
    if (result.failed.length > 0) throw new Error("a processor refused it again");
    data = result.data;
  }
  return data;
}
