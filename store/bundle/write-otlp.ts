import { open } from "node:fs/promises";
import { join } from "node:path";
import { decodeOtlp, encodeOtlpJson, TELEMETRY_TABLES, type TelemetryTable } from "../../schema/index.js";
import { telemetryEntries } from "./entries.js";
import { EstateReader } from "./estate-reader.js";
import { SIGNAL_OF } from "./tables.js";
import { writeWholeFolder } from "./whole-folder.js";
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
  return writeWholeFolder(options, async (folder) => {
    const reader = await EstateReader.open(options.dataDir);
    try {
      const tables: ExportReport["tables"][number][] = [];
      let bytes = 0;
      for (const name of TELEMETRY_TABLES) {
        if (options.tables?.includes(name) === false) continue;
        const written = await writeSignal(reader, name, { ...options, folder });
        bytes += written.bytes;
        tables.push({ name, rows: written.rows, files: 1 });
      }
      return { tables, bytes, lostFiles: reader.snapshot.quarantined.map(({ entry }) => entry.path) };
    } finally {
      reader.close();
    }
  });
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
