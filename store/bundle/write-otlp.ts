import { existsSync } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  CounterfoilError,
  decodeOtlp,
  encodeOtlpJson,
  errorMessage,
  TELEMETRY_TABLES,
  type TelemetryTable,
} from "../../schema/index.js";
import { syncFolder } from "../seal/durable-folder.js";
import { telemetryEntries } from "./entries.js";
import { EstateReader } from "./estate-reader.js";
import { SIGNAL_OF } from "./tables.js";
import type { ExportOptions, ExportReport } from "./write-bundle.js";

/** Text that is collected before it is written, characters. */
const WRITE_CHARS = 1024 * 1024;

/**
 * Writes telemetry as OTLP JSON Lines, one request a line and one signal a file (`traces.jsonl`, `logs.jsonl`,
 * `metrics.jsonl`): what the OpenTelemetry Collector's file receiver and every OTLP backend take. Fields that OTLP 1.11 does not
 * have are not in it; a bundle has them. The folder gets its name when all of it is on disk. Throws as `writeBundle`.
 */
export async function writeOtlp(
  options: Omit<ExportOptions, "fileFormat" | "producer">,
): Promise<ExportReport> {
  const out = resolve(options.out);
  if (existsSync(out)) {
    throw new CounterfoilError("CF_USAGE", `${options.out} is there already. Name a folder that is not.`);
  }
  const temporary = join(dirname(out), `.${basename(out)}.${process.pid}.tmp`);
  const reader = await EstateReader.open(options.dataDir);
  try {
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    const tables: ExportReport["tables"][number][] = [];
    let bytes = 0;
    for (const name of TELEMETRY_TABLES) {
      if (options.tables?.includes(name) === false) continue;
      const written = await writeSignal(reader, name, { ...options, folder: temporary });
      bytes += written.bytes;
      tables.push({ name, rows: written.rows, files: 1 });
    }
    syncFolder(temporary);
    await rename(temporary, out);
    syncFolder(dirname(out));
    return { tables, bytes, lostFiles: reader.snapshot.quarantined.map(({ entry }) => entry.path) };
  } catch (error) {
    if (error instanceof CounterfoilError || options.signal?.aborted === true) throw error;
    const message = `Can't write ${options.out}: ${errorMessage(error)}`;
    throw new CounterfoilError("CF_DATA_DIR_IO", message, { cause: error });
  } finally {
    reader.close();
    await rm(temporary, { recursive: true, force: true });
  }
}

async function writeSignal(
  reader: EstateReader,
  table: TelemetryTable,
  options: Pick<ExportOptions, "sinceUnixNano" | "signal"> & { readonly folder: string },
): Promise<{ rows: number; bytes: number }> {
  const signal = SIGNAL_OF[table];
  const file = await open(join(options.folder, `${signal}.jsonl`), "w", 0o600);
  let rows = 0;
  let bytes = 0;
  let text = "";
  const flush = async (): Promise<void> => {
    // Of one `write` to a disk that is nearly full a part may be written, without an error.
    await file.appendFile(text);
    bytes += Buffer.byteLength(text);
    text = "";
  };
  try {
    for (const part of await reader.parts(table, options.sinceUnixNano)) {
      const relation = await reader.telemetryRows(table, part);
      for await (const { itemCount, payload } of telemetryEntries(reader.connection, table, relation)) {
        options.signal?.throwIfAborted();
        text += `${encodeOtlpJson(signal, decodeOtlp(signal, payload))}\n`;
        rows += itemCount;
        if (text.length > WRITE_CHARS) await flush();
      }
    }
    await flush();
    await file.sync();
  } finally {
    await file.close();
  }
  return { rows, bytes };
}
