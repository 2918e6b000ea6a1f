import { isRunId, type JsonValue, type StoredChange } from "../../../schema/index.js";
import type { PushedRecords } from "./types.js";

/** What of LangSmith's API a type of record can be sent to, by the policy's word for it. */
const PUSHED_TYPES: Readonly<Record<string, PushedRecords>> = {
  feedback: "feedback",
  feedback_config: "feedback",
  dataset: "datasets",
  example: "datasets",
  dataset_tag: "datasets",
  project: "projects",
  comparative_experiment: "projects",
  prompt: "prompts",
  prompt_commit: "prompts",
  annotation_queue: "queues",
  queue_item: "queues",
};

/** No part of an address: it would name what is above. */
const DOTS = /^\.*$/;

type Change = Pick<StoredChange, "type" | "id" | "op" | "source" | "data">;
type Fields = Readonly<Record<string, JsonValue | undefined>>;

/**
 * The rule by which a change stays here; undefined for one that goes out. The policy names types; and LangSmith can't take
 * everything: a tag names a version of a dataset by its time, and its versions have times of their own; feedback must be
 * about a run, a trace or a project; what has no id or name there can't be changed there.
 */
export function recordRule(push: readonly PushedRecords[]): (change: Change) => string | undefined {
  const wanted = new Set<string>(push);
  return (change) => {
    const kind = PUSHED_TYPES[change.type];
    // Rules, evaluators, prices, shares, ... are followed by one server: two would do everything twice.
    if (kind === undefined) return "push/own";
    if (!wanted.has(kind)) return "push/policy";
    if (change.source === "import") return "push/imported";
    return change.op === "delete" ? deleteRule(change) : putRule(change);
  };
}

function deleteRule({ type, id }: Change): string | undefined {
  switch (type) {
    case "project":
      return "push/project_delete";
    case "dataset_tag":
      return "push/dataset_tag";
    // The state before says `deleted_at`, and goes out in its stead.
    case "prompt":
    case "prompt_commit":
      return "push/prompt_delete";
    // Nobody knows its key, or what it is called there, any more.
    case "feedback_config":
    case "queue_item":
      return `push/${type}_delete`;
    default:
      return isRunId(id) ? undefined : "push/no_uuid";
  }
}

function putRule({ type, id, data }: Change): string | undefined {
  const fields = fieldsOf(data);
  switch (type) {
    case "dataset_tag":
      return "push/dataset_tag";
    case "prompt":
    case "prompt_commit":
      return promptRule(fields);
    case "feedback_config":
      return undefined;
    case "queue_item":
      return itemRule(fields);
    case "feedback":
      if (!isRunId(id)) return "push/no_uuid";
      return isAboutRun(fields) ? undefined : "push/no_run";
    case "example":
      return isRunId(id) && isRunId(fields["dataset_id"]) ? undefined : "push/no_uuid";
    default:
      // LangSmith's ids are UUIDs; any other would be another address.
      return isRunId(id) ? undefined : "push/no_uuid";
  }
}

function promptRule({ repo_handle: handle, repo_type: kind }: Fields): string | undefined {
  // Commits of directories can't be marked, so one could not be told from another that is sent again.
  if (kind === "agent" || kind === "skill") return "push/directory";
  return typeof handle === "string" && !DOTS.test(handle) ? undefined : "push/prompt_without_name";
}

/** Only that a run was added: LangSmith counts a review for whoever has the key. */
function itemRule({ queue_id: queue, run_id: run, ...item }: Fields): string | undefined {
  if (!isRunId(queue) || !isRunId(run)) return "push/no_uuid";
  const lists = [item["reviews"], item["reservations"], item["positions"]];
  const isTouched = lists.some((list) => Array.isArray(list) && list.length > 0);
  return isTouched || typeof item["last_reviewed_time"] === "string" ? "push/review" : undefined;
}

/** Whether LangSmith can find what a feedback is about. A span alone is not enough: a root has another id there. */
function isAboutRun({ run_id: run, trace_id: trace, span_id: span, session_id: session }: Fields): boolean {
  if (typeof run === "string") return true;
  return (typeof trace === "string" && typeof span !== "string") || typeof session === "string";
}

function fieldsOf(data: JsonValue | undefined): Fields {
  return typeof data === "object" && data !== null && !Array.isArray(data) ? (data as Fields) : {};
}
