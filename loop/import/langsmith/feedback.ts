import { type ChangeRecord, IMPORT_IDS_MAX, type JsonObject } from "../../../schema/index.js";
import { fieldsOf, type ImportRun, listed, storeRecords, textAt } from "./import-run.js";
import type { SourceRun } from "./run-shape.js";

const TYPE = "feedback";
const PATH = "/api/v1/feedback";
const NOT_STORED = new Set(["id"]);

/** Which feedback to read. */
export interface FeedbackScope {
  /** Projects; undefined for all that the source has. */
  readonly sessions: readonly string[] | undefined;
  /** Only what was given since. */
  readonly since: Date | undefined;
}

/** Imports feedback: on runs, and on whole projects and experiments, with who gave it, comments and corrections. */
export async function importFeedback(run: ImportRun, scope: FeedbackScope): Promise<void> {
  const since = scope.since === undefined ? {} : { min_created_at: scope.since.toISOString() };
  for (const session of scope.sessions ?? [undefined]) {
    const query = { ...since, ...(session === undefined ? {} : { session }) };
    for await (const page of listed(run.source, PATH, query)) await storeFeedback(run, page);
    // LangSmith lists feedback on projects apart. A server that does not tell them apart answers with the same again.
    for await (const page of listed(run.source, PATH, { ...query, level: "session" })) {
      const ofRuns = page.filter((item) => textAt(item, "run_id") !== undefined);
      await storeFeedback(run, page);
      if (ofRuns.length > 0) break;
    }
  }
}

/**
 * Imports the feedback on these runs. Where only some projects are wanted, this finds what a server does not list under
 * the project.
 */
export async function importFeedbackOn(run: ImportRun, runs: readonly SourceRun[]): Promise<void> {
  const ids = runs.flatMap(({ id, hasFeedback }) => (hasFeedback ? [id] : []));
  for (let at = 0; at < ids.length; at += IMPORT_IDS_MAX) {
    const query = { run: ids.slice(at, at + IMPORT_IDS_MAX) };
    await run.tally.attempt(TYPE, async () => {
      for await (const page of listed(run.source, PATH, query)) await storeFeedback(run, page);
    });
  }
}

async function storeFeedback(run: ImportRun, page: readonly JsonObject[]): Promise<void> {
  // The same comes on more than one way.
  const fresh = page.filter((item) => !run.feedbackSeen.has(textAt(item, "id") ?? ""));
  for (const item of fresh) run.feedbackSeen.add(textAt(item, "id") ?? "");
  await storeRecords(run, TYPE, fresh.flatMap(changeOf));
  run.onProgress(TYPE, run.feedbackSeen.size, undefined);
}

function changeOf(item: JsonObject): ChangeRecord[] {
  const id = textAt(item, "id");
  if (id === undefined) return [];
  const time = textAt(item, "modified_at") ?? textAt(item, "created_at") ?? new Date(0).toISOString();
  return [{ type: "feedback", id, op: "put", time, source: "import", data: fieldsOf(item, NOT_STORED) }];
}
