import { importDatasets } from "./datasets.js";
import type { ImportDoor } from "./door.js";
import { importFeedback } from "./feedback.js";
import type { ImportRun } from "./import-run.js";
import { listProjects, projectsHere, storeProject } from "./projects.js";
import { type ImportReport, ImportTally } from "./report.js";
import { importOthers } from "./others.js";
import { RunPages } from "./run-pages.js";
import { importRuns } from "./runs.js";
import type { LangSmithSource } from "./source.js";
import { StateFile } from "./state.js";

/** What to import, from where to where. */
export interface ImportOptions {
  readonly source: LangSmithSource;
  readonly door: ImportDoor;
  /** Where it is remembered how far the import is: the data directory of the door's server. */
  readonly dataDir: string;
  readonly workspaceId?: string | undefined;
  /** By name or id; all when absent. With it, only datasets that these are experiments over. */
  readonly projects?: readonly string[] | undefined;
  /** Only runs that started, and feedback that was given, since. */
  readonly since?: Date | undefined;
  /** Feedback that was given before was read lately: leave it out. */
  readonly feedbackSince?: Date | undefined;
  readonly now?: () => Date;
  readonly onProgress?: ImportRun["onProgress"];
}

/**
 * Brings what a LangSmith has, and is not here yet. It may be stopped at any time: what was stored stays, and the next
 * import goes on behind it. A second import of the same stores nothing. What the source refuses or fails at is in the
 * report, and the rest goes on. Throws CF_IMPORT_FAILED when the own server does not answer or the key is refused, and
 * CF_DATA_DIR_IO when progress can't be kept.
 */
export async function importLangSmith(options: ImportOptions): Promise<ImportReport> {
  const { source, door, dataDir, workspaceId } = options;
  const tally = new ImportTally();
  const run: ImportRun = {
    source,
    door,
    file: new StateFile(dataDir, source.endpoint.href, workspaceId),
    tally,
    pages: new RunPages(source),
    now: options.now ?? (() => new Date()),
    since: options.since,
    projects: options.projects,
    feedbackSeen: new Set(),
    onProgress: options.onProgress ?? (() => undefined),
  };
  let sessions: string[] = [];
  const datasets = new Set<string>();
  // Without the list there is nothing to go on with.
  const projects = await listProjects(run);
  const here = await projectsHere(run);
  for (const project of projects) {
    await storeProject(run, project, here);
    await tally.attempt("runs", () => importRuns(run, project));
    const { reference_dataset_id: dataset } = project.data;
    if (typeof dataset === "string") datasets.add(dataset);
    sessions = [...sessions, project.id];
  }
  const chosen = options.projects !== undefined;
  const since = options.feedbackSince ?? options.since;
  await tally.attempt("feedback", () =>
    importFeedback(run, { sessions: chosen ? sessions : undefined, since }),
  );
  await tally.attempt("datasets", () => importDatasets(run, chosen ? datasets : undefined));
  // Rules name datasets and queues, which are here by then.
  if (!chosen) await importOthers(run, projects);
  return tally.report(source.endpoint.href, source.retries);
}
