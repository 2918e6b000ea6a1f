import {
  errorMessage,
  IMPORT_IDS_MAX,
  type NativeRun,
  type RunAttachment,
  parseRunJson,
  type RunFields,
} from "../../../schema/index.js";
import { importFeedbackOn } from "./feedback.js";
import type { ImportRun } from "./import-run.js";
import type { RunPage, SourceProject } from "./run-pages.js";
import { objectIn, runHash, type SourceRun } from "./run-shape.js";
import { SourceError } from "./source.js";
import { windowAt, windowDone, windowsFor } from "./state.js";

const TYPE = "runs";
const FILES = "run attachments";
/** Runs of a project that are asked for by id once more, at most. */
const AGAIN_MAX = 10_000;

/** Imports the runs of a project that are not here yet, window by window; where it stands is saved after each page. */
export async function importRuns(run: ImportRun, project: SourceProject): Promise<void> {
  const { file, pages } = run;
  const projects = file.state.projects;
  const total = await countRuns(run, project);
  let done = 0;
  await refreshOpen(run, project);
  for (const window of windowsFor(projects[project.id], run.now(), run.since)) {
    projects[project.id] = windowAt(projects[project.id], window);
    let page: Promise<RunPage> | undefined = pages.page(project, window);
    while (page !== undefined) {
      const { runs, next }: RunPage = await page;
      // The next page is on its way while this one is stored.
      page = next === undefined ? undefined : pages.page(project, { ...window, at: next });
      page?.catch(() => undefined);
      await storeRuns(run, project, runs);
      if (run.projects !== undefined) await importFeedbackOn(run, runs);
      done += runs.length;
      run.onProgress(project.name, done, total);
      projects[project.id] =
        next === undefined
          ? windowDone(projects[project.id], window)
          : windowAt(projects[project.id], { ...window, at: next });
      file.save();
    }
  }
}

/** How many there are in the windows to read, as far as the source tells: only for the progress. */
async function countRuns(run: ImportRun, project: SourceProject): Promise<number | undefined> {
  const windows = windowsFor(run.file.state.projects[project.id], run.now(), run.since);
  const from = windows.map((window) => window.from).sort()[0];
  try {
    const body = { session: [project.id], ...(from === undefined ? {} : { start_time: from }) };
    const count = objectIn(await run.source.post("/api/v1/runs/stats", body))?.["run_count"];
    return typeof count === "number" ? count : undefined;
  } catch (error) {
    if (error instanceof SourceError) return undefined;
    throw error;
  }
}

/** Runs that had not ended at the last import, or were not stored whole, may lie before the windows: they are asked for by id. */
async function refreshOpen(run: ImportRun, project: SourceProject): Promise<void> {
  const known = run.file.state.projects[project.id];
  if (known?.until === undefined) return;
  const rows = await run.door.rows(
    `SELECT run_id FROM spans WHERE source = 'langsmith' AND end_time IS NULL AND project = $1 LIMIT ${AGAIN_MAX}`,
    [project.name],
  );
  const again = new Set(known.again);
  run.file.state.projects[project.id] = { ...known, again: [] };
  const ids = [
    ...new Set([...again, ...rows.flatMap(({ run_id: id }) => (typeof id === "string" ? [id] : []))]),
  ];
  for (let at = 0; at < ids.length; at += IMPORT_IDS_MAX) {
    const runs = await run.pages.byId(project, ids.slice(at, at + IMPORT_IDS_MAX));
    const wanted = runs.filter(({ id, run: each }) => again.has(id) || each["end_time"] !== undefined);
    await storeRuns(run, project, wanted, again);
  }
}

/** Stores those of a page that are not here with the same content, and those of `again` in any case. */
async function storeRuns(
  run: ImportRun,
  project: SourceProject,
  runs: readonly SourceRun[],
  again: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { door, tally, file } = run;
  tally.found(TYPE, runs.length);
  const here = new Map((await door.runsHere(runs)).map((each) => [each.id, runHash(each.run)]));
  const natives: NativeRun[] = [];
  const failed: string[] = [];
  for (const each of runs) {
    const isOffloaded = Object.keys(each.offloaded).length > 0;
    const isHere = (hash: string): boolean => !again.has(each.id) && here.get(each.id) === hash;
    if (!isOffloaded && isHere(runHash(each.run))) {
      tally.unchanged(TYPE);
      continue;
    }
    const native = await whole(run, each, failed);
    if (isHere(runHash(native.run))) tally.unchanged(TYPE);
    else natives.push(native);
  }
  const refused = await door.runs(natives);
  tally.stored(TYPE, natives.length - refused.length);
  for (const { id, reason } of refused) tally.skipped(TYPE, id, reason);
  failed.push(...refused.map(({ id }) => id));
  if (failed.length === 0) return;
  const state = file.state.projects[project.id] ?? { pending: [] };
  const ids = [...new Set([...(state.again ?? []), ...failed])].slice(0, AGAIN_MAX);
  file.state.projects[project.id] = { ...state, again: ids };
}

/** The run with everything that the source keeps elsewhere; what can't be had is skipped, and its run put on `failed`. */
async function whole({ source, tally }: ImportRun, each: SourceRun, failed: string[]): Promise<NativeRun> {
  const run: RunFields = { ...each.run };
  const attachments: RunAttachment[] = [];
  const skip = (what: string, error: unknown): void => {
    // An outage ends the import here, to go on later; what is gone for good is left out.
    const isGone = error instanceof SyntaxError || (error instanceof SourceError && !error.retryable);
    if (!isGone) throw error;
    tally.skipped(FILES, `${each.id} ${what}`, errorMessage(error));
    failed.push(each.id);
  };
  for (const [field, address] of Object.entries(each.offloaded)) {
    try {
      const { content } = await source.download(address);
      run[field] = parseRunJson(Buffer.from(content).toString("utf8"));
    } catch (error) {
      skip(field, error);
    }
  }
  for (const [name, address] of Object.entries(each.attachments)) {
    tally.found(FILES);
    try {
      attachments.push({ name, ...(await source.download(address)) });
      tally.stored(FILES);
    } catch (error) {
      skip(name, error);
    }
  }
  return { run, attachments };
}
