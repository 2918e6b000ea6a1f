import { canonicalJson } from "../canonical-json.js";
import { ALERT_SEVERITIES } from "./alerts.js";
import { TAG_LENGTH_MAX } from "./marks.js";
import { envNameProblem, exactlyOneProblem, webhookUrlProblem } from "./reach-out.js";
import { patternsProblem, REDACT_FIELDS } from "./redact-fields.js";
import { GUARD_FIELDS, guardsProblem } from "./rule-guards.js";
import type { Field, JsonObject, JsonValue, RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;
const ACTIONS_MAX = 20;
const SPLITS_MAX = 100;
const PATTERNS_MAX = 100;
const URL_LENGTH_MAX = 2_000;
const WHERE_LENGTH_MAX = 20_000;

/** What a rule can do with a run. */
export const RULE_ACTIONS = [
  "add_to_dataset",
  "add_feedback",
  "add_to_annotation_queue",
  "run_evaluator",
  "alert",
  "webhook",
  "pin",
  "tag",
] as const;

/** What a rule is about. */
export const RULE_SCOPES = ["run", "thread"] as const;

/** Where the outputs of an example come from. */
export const EXAMPLE_OUTPUTS = ["correction", "correction_or_output", "patched_output", "output"] as const;

const ACTION_FIELDS: readonly Field[] = [
  { name: "type", kind: "text", required: true, oneOf: RULE_ACTIONS, doc: "What to do." },
  {
    name: "dataset",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "add_to_dataset: name; made when absent.",
  },
  { name: "dataset_id", kind: "uuid", doc: "add_to_dataset: id, instead of the name." },
  {
    name: "outputs",
    kind: "text",
    oneOf: EXAMPLE_OUTPUTS,
    doc: "add_to_dataset: outputs of the example. `correction` (default): the newest correction on the run, without one nothing is added; `correction_or_output`: the run's own outputs without one; `patched_output`: the run's outputs with the correction merged in (RFC 7396); `output`: the run's own.",
  },
  {
    name: "input_mapping",
    kind: "object",
    doc: "add_to_dataset: fields of the example's inputs, each with a path into the run, as `inputs.messages[0].content`; the run's inputs without it. Paths begin with inputs, outputs, correction, thread, name, project, trace_id, span_id or run_id.",
  },
  {
    name: "output_mapping",
    kind: "object",
    doc: "add_to_dataset: the same about its outputs; those that `outputs` says without it.",
  },
  {
    name: "splits",
    kind: "list",
    lengthMax: SPLITS_MAX,
    doc: "add_to_dataset: splits of the example, a list of texts.",
  },
  {
    name: "queue",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "add_to_annotation_queue: name; made when absent.",
  },
  { name: "queue_id", kind: "uuid", doc: "add_to_annotation_queue: id, instead of the name." },
  {
    name: "guards",
    kind: "object",
    doc: "add_to_dataset: what is asked before a run becomes an example.",
    fields: GUARD_FIELDS,
  },
  { name: "key", kind: "text", lengthMax: 180, doc: "add_feedback: key of the feedback." },
  { name: "score", kind: "score", doc: "add_feedback: score." },
  { name: "value", kind: "json", doc: "add_feedback: value." },
  { name: "comment", kind: "text", doc: "add_feedback: comment." },
  {
    name: "evaluator",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "run_evaluator: name of the evaluator.",
  },
  { name: "evaluator_id", kind: "uuid", doc: "run_evaluator: id, instead of the name." },
  {
    name: "severity",
    kind: "text",
    oneOf: ALERT_SEVERITIES,
    doc: "alert: how bad it is; `warning` by default.",
  },
  {
    name: "summary",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "alert: in words; by default the names of the rule and the run.",
  },
  {
    name: "quiet_minutes",
    kind: "number",
    doc: "alert: none while the rule's last one is less old than this, minutes; 0 by default.",
  },
  { name: "reason", kind: "text", lengthMax: NAME_LENGTH_MAX, doc: "pin: why, in words." },
  { name: "tag", kind: "text", lengthMax: TAG_LENGTH_MAX, doc: "tag: tag of the run." },
  { name: "url", kind: "text", lengthMax: URL_LENGTH_MAX, doc: "webhook, alert: address to POST to." },
  {
    name: "url_env",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "webhook, alert: environment variable of the server that holds the address, instead of it: for one that is a secret.",
  },
  {
    name: "secret_env",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "webhook, alert: environment variable of the server that holds the secret of the signature.",
  },
  {
    name: "include_content",
    kind: "boolean",
    doc: "webhook, alert: send inputs, outputs and corrections too; false by default.",
  },
  {
    name: "redact",
    kind: "list",
    lengthMax: PATTERNS_MAX,
    doc: "webhook, alert: what to replace in every text of inputs, outputs, values and corrections before they are sent.",
    fields: REDACT_FIELDS,
  },
];

/** `rules`: what is done with runs by itself. LangSmith: run rules, automations. */
export const RULES: RecordType = {
  type: "rule",
  table: "rules",
  hasUuid: true,
  doc: "Rules: which runs to take, and what to do with them.",
  fields: [
    { name: "name", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Unique name." },
    { name: "description", kind: "text", doc: "In words." },
    { name: "enabled", kind: "boolean", doc: "Whether it acts; true unless said otherwise." },
    { name: "project", kind: "text", lengthMax: NAME_LENGTH_MAX, doc: "Only runs of this project." },
    { name: "filter", kind: "text", doc: "Runs that it takes, in LangSmith's filter language." },
    { name: "trace_filter", kind: "text", doc: "The same about the root run of the trace." },
    { name: "tree_filter", kind: "text", doc: "The same about any run of the trace." },
    {
      name: "where",
      kind: "text",
      lengthMax: WHERE_LENGTH_MAX,
      doc: "Runs that it takes, as a SQL condition over a row of the view `spans`, beside or instead of filters.",
    },
    {
      name: "scope",
      kind: "text",
      oneOf: RULE_SCOPES,
      doc: "`run` (default), or `thread`: of each thread only the root of the last trace, when the thread is quiet.",
    },
    {
      name: "sampling_rate",
      kind: "number",
      doc: "Share of traces, 0 to 1, chosen by trace id; 1 by default.",
    },
    {
      name: "debounce_seconds",
      kind: "number",
      doc: "A trace is looked at when its root has ended and nothing came for this long, seconds; 2 by default.",
    },
    {
      name: "actions",
      kind: "list",
      required: true,
      lengthMax: ACTIONS_MAX,
      doc: "What to do, in this order.",
      fields: ACTION_FIELDS,
    },
    {
      name: "langsmith",
      kind: "object",
      doc: "Of a rule that was imported: what LangSmith's says besides, such as `is_enabled`, `evaluators`, `alerts`.",
    },
    { name: "version", kind: "integer", doc: "Counts its changes from 1." },
    { name: "created_at", kind: "time", doc: "When it was made." },
    { name: "updated_at", kind: "time", doc: "When it was last changed." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Unique name." },
    { name: "enabled", type: "BOOLEAN", doc: "Whether it acts.", read: (data) => data["enabled"] ?? true },
    { name: "project", type: "VARCHAR", doc: "Only runs of this project. Null for all." },
    { name: "filter", type: "VARCHAR", doc: "Runs that it takes, in LangSmith's filter language." },
    { name: "actions", type: "VARCHAR", json: true, doc: "What it does: JSON array." },
    { name: "version", type: "BIGINT", doc: "Counts its changes from 1." },
  ],
  check: ruleProblem,
};

function ruleProblem(data: JsonObject): string | undefined {
  const rate = data["sampling_rate"];
  if (typeof rate === "number" && (rate < 0 || rate > 1)) return "has a sampling_rate outside 0 to 1";
  const debounce = data["debounce_seconds"];
  if (typeof debounce === "number" && debounce < 0) return "has a negative debounce_seconds";
  const actions = (data["actions"] ?? []) as readonly JsonObject[];
  if (actions.length === 0) return "has no actions";
  for (const [index, action] of actions.entries()) {
    const problem = actionProblem(action) ?? guardsProblem(action);
    if (problem !== undefined) return `has an action actions[${index}] that ${problem}`;
    const same = actions.findIndex((other) => effectOf(other) === effectOf(action));
    if (same < index) {
      return `has an action actions[${index}] that does to each run what actions[${same}] does: put it into a rule of its own`;
    }
  }
  return undefined;
}

/** What a rule does to a run only once: a second example of it in a dataset would take the place of the first. */
function effectOf(action: JsonObject): string {
  if (action["type"] === "alert" || action["type"] === "pin") return canonicalJson([action["type"]]);
  return canonicalJson([action["type"], ...TARGET_FIELDS.map((field) => action[field] ?? null)]);
}

const TARGET_FIELDS = [
  "dataset",
  "dataset_id",
  "queue",
  "queue_id",
  "key",
  "evaluator",
  "evaluator_id",
  "tag",
  "url",
  "url_env",
];

function actionProblem(action: JsonObject): string | undefined {
  const type = action["type"] as (typeof RULE_ACTIONS)[number];
  switch (type) {
    case "add_to_dataset": {
      const splits = (action["splits"] ?? []) as readonly JsonValue[];
      if (splits.some((split) => typeof split !== "string" || split === ""))
        return "has splits that are no texts";
      return exactlyOneProblem(action, "dataset", "dataset_id") ?? mappingsProblem(action);
    }
    case "add_to_annotation_queue":
      return exactlyOneProblem(action, "queue", "queue_id");
    case "add_feedback":
      return isGiven(action["key"]) ? undefined : "needs key";
    case "run_evaluator":
      return exactlyOneProblem(action, "evaluator", "evaluator_id");
    case "alert":
      return alertProblem(action);
    case "webhook":
      return exactlyOneProblem(action, "url", "url_env") ?? webhookProblem(action);
    case "pin":
      return undefined;
    case "tag":
      return typeof action["tag"] === "string" && action["tag"].trim() !== "" ? undefined : "needs tag";
  }
}

/** Where paths of mappings begin. */
const MAPPING_ROOTS = [
  "inputs",
  "outputs",
  "correction",
  "thread",
  "name",
  "project",
  "trace_id",
  "span_id",
  "run_id",
];
const MAPPING_PATH = /^(?:\$\.)?([a-z_]+)(?:\.[^.[\]]+|\[(?:\d+|\*)\]|\["[^"\\]*"\])*$/;

function mappingsProblem(action: JsonObject): string | undefined {
  for (const name of ["input_mapping", "output_mapping"]) {
    const mapping = (action[name] ?? {}) as JsonObject;
    if (isGiven(action[name]) && Object.keys(mapping).length === 0) return `has an empty ${name}`;
    for (const [field, path] of Object.entries(mapping)) {
      const root = typeof path === "string" ? MAPPING_PATH.exec(path)?.[1] : undefined;
      if (root !== undefined && MAPPING_ROOTS.includes(root)) continue;
      return `has ${name}.${field} that is no path: it must be like inputs.messages[0].content, and begin with ${MAPPING_ROOTS.join(", ")}`;
    }
  }
  return undefined;
}

function alertProblem(action: JsonObject): string | undefined {
  const quiet = action["quiet_minutes"];
  if (typeof quiet === "number" && quiet < 0) return "has negative quiet_minutes";
  if (isGiven(action["url"]) && isGiven(action["url_env"])) return "needs url or url_env, not both";
  return webhookProblem(action);
}

function webhookProblem(action: JsonObject): string | undefined {
  if (typeof action["url"] === "string") {
    const problem = webhookUrlProblem(action["url"]);
    if (problem !== undefined) return `has a url that ${problem}`;
  }
  const patterns = (action["redact"] ?? []) as readonly JsonObject[];
  if (patterns.length > 0 && action["include_content"] !== true)
    return "has redact without include_content, so that there is nothing to redact";
  return envNameProblem(action, ["url_env", "secret_env"]) ?? patternsProblem("redact", patterns);
}

function isGiven(value: JsonValue | undefined): boolean {
  return value !== undefined && value !== null;
}

/** What can become of a run under a rule, in the order in which one of them speaks for all actions. */
export const RULE_OUTCOMES = ["error", "quarantined", "pending", "skipped", "success"] as const;

/** `rule_runs`: what became of each run that a rule took. One id a rule and run, so that the history tells its course. */
export const RULE_RUNS: RecordType = {
  type: "rule_run",
  table: "rule_runs",
  doc: "What rules did with runs, and why.",
  fields: [
    { name: "rule_id", kind: "uuid", required: true, doc: "Rule." },
    { name: "rule_name", kind: "text", doc: "Its name at that time." },
    { name: "rule_version", kind: "integer", doc: "Its version at that time." },
    { name: "trace_id", kind: "trace_id", required: true, doc: "Trace of the run." },
    { name: "span_id", kind: "span_id", required: true, doc: "Span of the run." },
    { name: "run_id", kind: "uuid", doc: "LangSmith id of the run." },
    {
      name: "outcome",
      kind: "text",
      required: true,
      oneOf: RULE_OUTCOMES,
      doc: "The first of these that one of its actions has: `error`, `quarantined` (waits for approval), `pending` (a webhook, an alert or an evaluator is still to be reached), `skipped`, `success`.",
    },
    { name: "reason", kind: "text", doc: "Why, in words; null for a success." },
    {
      name: "actions",
      kind: "list",
      doc: "What became of each action.",
      fields: [
        { name: "action", kind: "text", required: true, doc: "Its type and target." },
        { name: "outcome", kind: "text", required: true, doc: "As of the whole." },
        { name: "reason", kind: "text", doc: "Why, in words." },
        { name: "target_id", kind: "text", doc: "Dataset, annotation queue or evaluator." },
        {
          name: "made_id",
          kind: "text",
          doc: "Example, queue item, feedback, alert, pin or tag that was made.",
        },
        { name: "requested_at", kind: "time", doc: "Since when what is outside is to be reached." },
        { name: "decision", kind: "text", doc: "Of what was quarantined: approved or rejected." },
        { name: "decided_by", kind: "text", doc: "Who decided." },
      ],
    },
  ],
  columns: [
    { name: "rule_id", type: "VARCHAR", doc: "Rule." },
    { name: "rule_name", type: "VARCHAR", doc: "Its name at that time." },
    { name: "rule_version", type: "BIGINT", doc: "Its version at that time." },
    { name: "trace_id", type: "VARCHAR", doc: "Trace of the run." },
    { name: "span_id", type: "VARCHAR", doc: "Span of the run." },
    { name: "run_id", type: "VARCHAR", doc: "LangSmith id of the run." },
    { name: "outcome", type: "VARCHAR", doc: "error, quarantined, pending, skipped or success." },
    { name: "reason", type: "VARCHAR", doc: "Why, in words. Null for a success." },
    { name: "actions", type: "VARCHAR", json: true, doc: "What became of each action: JSON array." },
  ],
};
