import { canonicalJson, type JsonObject } from "../../../schema/index.js";
import { fieldsOf, type ImportRun, listed, type ListedProject, textAt } from "./import-run.js";

/** Figures and other things that the source works out from runs. */
const DERIVED = new Set([
  "id",
  "tenant_id",
  "run_count",
  "latency_p50",
  "latency_p99",
  "first_token_p50",
  "first_token_p99",
  "prompt_tokens",
  "completion_tokens",
  "total_tokens",
  "prompt_cost",
  "completion_cost",
  "total_cost",
  "error_rate",
  "streaming_rate",
  "last_run_start_time",
  "last_run_start_time_live",
  "feedback_stats",
  "session_feedback_stats",
  "run_facets",
  "test_run_number",
  "experiment_progress",
]);

/** The projects and experiments of the source that were asked for, by name or id. */
export async function listProjects(
  run: Pick<ImportRun, "source"> & { readonly projects?: readonly string[] | undefined },
): Promise<ListedProject[]> {
  const wanted = run.projects === undefined ? undefined : new Set(run.projects);
  const found: ListedProject[] = [];
  for await (const page of listed(run.source, "/api/v1/sessions", { include_stats: "false" })) {
    for (const item of page) {
      const [id, name] = [textAt(item, "id")?.toLowerCase(), textAt(item, "name")];
      if (id === undefined || name === undefined) continue;
      if (wanted !== undefined && !wanted.has(id) && !wanted.has(name)) continue;
      const data = fieldsOf(item, DERIVED);
      const isExperiment = textAt(item, "reference_dataset_id") !== undefined;
      found.push({ id, name, startTime: textAt(item, "start_time"), data, isExperiment });
    }
  }
  return found;
}

/** Projects that are written down here, by id and by name. */
export async function projectsHere(run: ImportRun): Promise<ReadonlyMap<string, JsonObject>> {
  const here = new Map<string, JsonObject>();
  for (const { id, name, data } of await run.door.rows("SELECT id, name, data FROM projects", [])) {
    const fields = typeof data === "string" ? (JSON.parse(data) as JsonObject) : {};
    for (const key of [name, id]) if (typeof key === "string") here.set(key, fields);
  }
  return here;
}

/** Writes a project down unless it is here with all that the source says of it. */
export async function storeProject(
  run: ImportRun,
  project: ListedProject,
  here: ReadonlyMap<string, JsonObject>,
): Promise<void> {
  const type = project.isExperiment ? "experiments" : "projects";
  run.tally.found(type);
  const known = here.get(project.id) ?? here.get(project.name);
  const isSame = ([field, value]: [string, unknown]): boolean =>
    canonicalJson(known?.[field]) === canonicalJson(value);
  if (known !== undefined && Object.entries(project.data).every(isSame)) return run.tally.unchanged(type);
  const refused = await run.door.project(project.id, project.data);
  if (refused.length === 0) run.tally.stored(type);
  for (const { id, reason } of refused) run.tally.skipped(type, id, reason);
}
