import type { JsonValue, StoredChange } from "../../../schema/index.js";
import type { PushedRecords } from "./types.js";

const TYPES: Readonly<Record<string, PushedRecords>> = {
  feedback: "feedback",
  dataset: "datasets",
  example: "datasets",
  dataset_tag: "datasets",
  project: "projects",
  prompt: "prompts",
  prompt_commit: "prompts",
};

/**
 * The rule by which a change stays here; undefined for one that goes out. The policy names types; and LangSmith can't take
 * everything: a tag names a version of a dataset by its time, and its versions have times of their own; feedback must be
 * about a run, a trace or a project; a deleted prompt has no name any more, and LangSmith knows prompts by name.
 */
export function recordRule(
  push: readonly PushedRecords[],
): (change: Pick<StoredChange, "type" | "op" | "source" | "data">) => string | undefined {
  const wanted = new Set<string>(push);
  return ({ type, op, source, data }) => {
    if (!wanted.has(TYPES[type] ?? "")) return "push/policy";
    if (source === "import") return "push/imported";
    if (type === "dataset_tag") return "push/dataset_tag";
    if (type === "project" && op === "delete") return "push/project_delete";
    if (type === "prompt" || type === "prompt_commit") return promptRule(op, data);
    return type === "feedback" && op === "put" && !isAboutRun(data) ? "push/no_run" : undefined;
  };
}

function promptRule(op: string, data: JsonValue | undefined): string | undefined {
  if (op === "delete") return "push/prompt_delete";
  const { repo_handle: handle, repo_type: kind } = (data ?? {}) as Readonly<Record<string, JsonValue>>;
  // Commits of directories can't be marked, so one could not be told from another that is sent again.
  if (kind === "agent" || kind === "skill") return "push/directory";
  return typeof handle === "string" ? undefined : "push/prompt_without_name";
}

/** Whether LangSmith can find what a feedback is about. A span alone is not enough: a root has another id there. */
function isAboutRun(data: JsonValue | undefined): boolean {
  if (typeof data !== "object" || data === null || Array.isArray(data)) return false;
  const {
    run_id: run,
    trace_id: trace,
    span_id: span,
    session_id: session,
  } = data as Record<string, unknown>;
  if (typeof run === "string") return true;
  return (typeof trace === "string" && typeof span !== "string") || typeof session === "string";
}
