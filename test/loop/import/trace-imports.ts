import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { importTraces, type TraceFormat } from "../../../loop/index.js";
import { createMirrorReader, type MirrorReader } from "../../../store/index.js";
import { bundleFolder, doorOf } from "../../support/estate.js";
import { MirrorHarness } from "../../support/mirror-harness.js";

/** A mirror that files of traces are imported into, and a folder for the files. */
export interface TraceImports {
  readonly harness: MirrorHarness;
  readonly reader: MirrorReader;
  readonly folder: string;
  /** Bytes of each request that an import handed over. */
  readonly requests: number[];
  /** Writes a file below the folder; gives its path. */
  file(name: string, bytes: string | Uint8Array): string;
  /** Imports; gives what became of each type that was found, and why things were skipped. */
  take(format: TraceFormat, path: string, project?: string): Promise<{ counts: string[]; reasons: string[] }>;
  close(): Promise<void>;
}

export async function traceImports(): Promise<TraceImports> {
  const folder = bundleFolder();
  const harness = await MirrorHarness.open();
  const requests: number[] = [];
  const door = doorOf(harness);
  const reader = createMirrorReader({ dataDir: harness.dir });
  return {
    harness,
    reader,
    folder: folder.path,
    requests,
    file: (name, bytes) => {
      const path = join(folder.path, name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      return path;
    },
    take: async (format, path, project) => {
      const report = await importTraces({
        path,
        format,
        project,
        dataDir: harness.dir,
        door: {
          ...door,
          append: (entries) => {
            requests.push(entries.reduce((sum, { payload }) => sum + payload.length, 0));
            return door.append(entries);
          },
        },
        read: (sql, params) => reader.query(sql, params),
      });
      const counts = report.types.flatMap(({ found, stored, type, unchanged }) =>
        found === 0 ? [] : [`${type}: ${found} found, ${stored} stored, ${unchanged} unchanged`],
      );
      return { counts, reasons: report.types.flatMap(({ skipped }) => skipped.map(({ reason }) => reason)) };
    },
    close: async () => {
      await reader.close();
      await harness.close();
      folder.remove();
    },
  };
}

/** JSON Lines of these. */
export const lines = (...rows: readonly unknown[]): string =>
  rows.map((row) => `${JSON.stringify(row)}\n`).join("");
