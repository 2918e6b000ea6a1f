import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import {
  type BundleDifference,
  type BundleFileFormat,
  checkBundle,
  compareBundles,
  importBundle,
  writeBundle,
} from "../../store/index.js";
import { errorMessage } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { VERSION } from "../version.js";
import { openDoor, settleMirror } from "./doors.js";

/** One leaving drill. */
export interface DrillRequest {
  readonly dataDir: string;
  readonly fileFormat: BundleFileFormat;
  /** Folder in which a working folder is made; by default the system's for temporary files. */
  readonly workDir?: string | undefined;
  readonly onStep: (step: DrillStep) => void;
  readonly signal: AbortSignal;
}

/** What the drill is doing. */
export type DrillStep = "exporting" | "checking" | "importing" | "exporting again" | "comparing";

/** What came of it. */
export interface DrillOutcome extends BundleDifference {
  readonly rows: number;
  readonly bytes: number;
  /** Files of the mirror that were damaged before, and so are in neither bundle. */
  readonly lostFiles: readonly string[];
}

/**
 * Leaves and comes back: exports a data directory, imports that into a new one elsewhere, exports that, and compares the
 * two bundles. The data directory is only read. What it made is taken away again, whatever happens.
 */
export async function drill(request: DrillRequest): Promise<DrillOutcome> {
  const { dataDir, fileFormat, onStep, signal } = request;
  const work = await workFolder(resolve(request.workDir ?? tmpdir()));
  const [first, elsewhere, second] = ["first", "elsewhere", "second"].map((name) => join(work, name)) as [
    string,
    string,
    string,
  ];
  const producer = { name: "counterfoil", version: VERSION };
  try {
    onStep("exporting");
    await settleMirror(dataDir, signal);
    const exported = await writeBundle({ dataDir, out: first, fileFormat, producer, signal });
    onStep("checking");
    const bundle = await checkBundle(first, { signal });
    onStep("importing");
    const door = await openDoor(elsewhere, signal);
    try {
      await importBundle(bundle, { dataDir: elsewhere, door, signal });
    } finally {
      await door.close();
    }
    onStep("exporting again");
    await writeBundle({ dataDir: elsewhere, out: second, fileFormat, producer, signal });
    onStep("comparing");
    const { tables } = await compareBundles(bundle, await checkBundle(second, { signal }));
    const rows = bundle.manifest.tables.reduce((sum, table) => sum + table.rows, 0);
    return { tables, rows, bytes: exported.bytes, lostFiles: exported.lostFiles };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function workFolder(parent: string): Promise<string> {
  try {
    return await mkdtemp(join(parent, "counterfoil-drill-"));
  } catch (error) {
    throw new CommandError(
      EXIT.failure,
      `Can't make a working folder in ${parent}: ${errorMessage(error)}. Name one that exists and can be written with --work.`,
      { cause: error },
    );
  }
}
