import { randomUUID } from "node:crypto";
import { importParquetExport, LangSmithSource, writeParquetRuns } from "../../loop/index.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { requireDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { inert } from "../output/text.js";
import { formatCount } from "../output/values.js";
import { withDoor } from "./import-langsmith.js";
import { reportText } from "./report-text.js";

/** Options of `import langsmith-export`. */
export interface ImportParquetOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** Options of `export-langsmith`. */
export interface ExportLangSmithOptions extends ImportParquetOptions {
  readonly out: string;
  readonly projects?: readonly string[];
  readonly since?: Date;
}

/** Tenants have ids in LangSmith; here there is one, with the id that the API gives it. */
const TENANT_ID = "00000000-0000-0000-0000-000000000000";

/** Imports the files below a folder and prints what became of their runs. */
export async function runImportParquet(folder: string, options: ImportParquetOptions, io: Io): Promise<void> {
  const { dataDir } = options;
  const progress = createProgress({ label: "importing", stream: io.stderr, unit: "things" });
  const report = await withDoor({ dataDir }, io, (door) =>
    importParquetExport({
      folder,
      door,
      dataDir,
      signal: io.signal,
      onProgress: (runs, file, files) => progress.update(runs, undefined, `file ${file} of ${files}`),
    }),
  ).finally(() => progress.end());
  await write(io.stdout, options.json === true ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  if (!report.complete) io.exitCode = EXIT.failure;
}

/** Writes the runs of the server on the data directory, which is started for it if none runs. */
export async function runExportLangSmith(options: ExportLangSmithOptions, io: Io): Promise<void> {
  const { dataDir, out, projects, since } = options;
  requireDataDir(dataDir);
  const progress = createProgress({ label: "writing", stream: io.stderr, unit: "things" });
  const counts = await withDoor({ dataDir }, io, (_door, url) =>
    writeParquetRuns({
      source: new LangSmithSource({
        endpoint: url,
        apiKey: io.env["COUNTERFOIL_API_KEY"],
        signal: io.signal,
      }),
      folder: out,
      exportId: randomUUID(),
      tenantId: TENANT_ID,
      dataDir,
      projects,
      since,
      onProgress: (project, runs) => progress.update(runs, undefined, project),
    }),
  ).finally(() => progress.end());
  if (options.json === true) return write(io.stdout, `${JSON.stringify({ projects: counts }, null, 2)}\n`);
  const lines = Object.entries(counts).map(([name, count]) => `${inert(name)}: ${formatCount(count)} runs\n`);
  await write(io.stdout, lines.length === 0 ? "There are no runs.\n" : lines.join(""));
}
