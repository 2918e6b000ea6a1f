import { patternsProblem, REDACT_FIELDS } from "./redact-fields.js";
import { envNameProblem, exactlyOneProblem, webhookUrlProblem } from "./reach-out.js";
import type { Field, JsonObject, JsonValue, RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;
/** LangSmith's bound on a feedback key, characters. */
const KEY_LENGTH_MAX = 180;
const SQL_LENGTH_MAX = 20_000;
const URL_LENGTH_MAX = 2_000;
const MESSAGES_MAX = 100;
const CATEGORIES_MAX = 100;
const PATTERNS_MAX = 100;

/** What judges a run: an SQL expression, a program behind an address, or a model behind an OpenAI-compatible API. */
export const EVALUATOR_KINDS = ["sql", "http", "llm"] as const;

/** What a model is asked for: yes or no, a number, or one of some words. */
export const JUDGEMENT_TYPES = ["boolean", "number", "category"] as const;

/** What messages may stand for: of the run, and the newest correction of it. */
export const TEMPLATE_NAMES = ["inputs", "outputs", "correction", "thread", "name"] as const;
/** `{{inputs}}`, `{{inputs.question}}`, `{{outputs.messages.0.content}}`. */
export const TEMPLATE_PLACE = /\{\{\s*([^{}]*?)\s*\}\}/g;

const MESSAGE_FIELDS: readonly Field[] = [
  { name: "role", kind: "text", required: true, oneOf: ["system", "user", "assistant"], doc: "Who says it." },
  {
    name: "content",
    kind: "text",
    required: true,
    doc: "Text with `{{inputs}}`, `{{outputs}}`, `{{correction}}`, `{{thread}}`, `{{name}}`, or paths as `{{inputs.question}}`.",
  },
];

const OUTPUT_FIELDS: readonly Field[] = [
  { name: "type", kind: "text", oneOf: JUDGEMENT_TYPES, doc: "`boolean` by default." },
  { name: "min", kind: "number", doc: "number: least score." },
  { name: "max", kind: "number", doc: "number: largest score." },
  { name: "categories", kind: "list", lengthMax: CATEGORIES_MAX, doc: "category: the words, texts." },
];

/** `evaluators`: what gives feedback on runs by itself. A rule says on which. */
export const EVALUATORS: RecordType = {
  type: "evaluator",
  table: "evaluators",
  hasUuid: true,
  doc: "Evaluators: what gives feedback on runs by itself. Every version is in the history; rules say on which runs.",
  fields: [
    { name: "name", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Unique name." },
    { name: "description", kind: "text", doc: "In words." },
    { name: "kind", kind: "text", required: true, oneOf: EVALUATOR_KINDS, doc: "What judges." },
    {
      name: "feedback_key",
      kind: "text",
      required: true,
      lengthMax: KEY_LENGTH_MAX,
      doc: "Key of the feedback that it gives.",
    },
    {
      name: "sql",
      kind: "text",
      lengthMax: SQL_LENGTH_MAX,
      doc: "sql: expression over a row of the view `spans`: the score when it is a number or a boolean, else the value.",
    },
    {
      name: "url",
      kind: "text",
      lengthMax: URL_LENGTH_MAX,
      doc: "http: address that the run is sent to. llm: base of the API, as `https://api.openai.com/v1`.",
    },
    {
      name: "url_env",
      kind: "text",
      lengthMax: NAME_LENGTH_MAX,
      doc: "Environment variable of the server that holds the address, instead of it.",
    },
    {
      name: "secret_env",
      kind: "text",
      lengthMax: NAME_LENGTH_MAX,
      doc: "http: environment variable of the server that holds the secret of the signature.",
    },
    {
      name: "api_key_env",
      kind: "text",
      lengthMax: NAME_LENGTH_MAX,
      doc: "llm: environment variable of the server that holds the API's key.",
    },
    { name: "model", kind: "text", lengthMax: NAME_LENGTH_MAX, doc: "llm: name of the model." },
    {
      name: "provider",
      kind: "text",
      lengthMax: NAME_LENGTH_MAX,
      doc: "llm: by whose prices its answers are priced, as `gen_ai.provider.name`; by default that of a well-known address.",
    },
    {
      name: "messages",
      kind: "list",
      lengthMax: MESSAGES_MAX,
      doc: "llm: what the model is told.",
      fields: MESSAGE_FIELDS,
    },
    { name: "temperature", kind: "number", doc: "llm: left to the API when absent." },
    { name: "output", kind: "object", doc: "llm: what the model is asked for.", fields: OUTPUT_FIELDS },
    {
      name: "redact",
      kind: "list",
      lengthMax: PATTERNS_MAX,
      doc: "http, llm: what to replace in every text of the run before it is sent.",
      fields: REDACT_FIELDS,
    },
    { name: "metadata", kind: "object", doc: "Anything else." },
    { name: "version", kind: "integer", doc: "Counts its changes from 1." },
    { name: "created_at", kind: "time", doc: "When it was made." },
    { name: "updated_at", kind: "time", doc: "When it was last changed." },
  ],
  columns: [
    { name: "name", type: "VARCHAR", doc: "Unique name." },
    { name: "kind", type: "VARCHAR", doc: "sql, http or llm." },
    { name: "feedback_key", type: "VARCHAR", doc: "Key of the feedback that it gives." },
    { name: "model", type: "VARCHAR", doc: "Name of the model, of kind llm." },
    { name: "version", type: "BIGINT", doc: "Counts its changes from 1." },
  ],
  check: evaluatorProblem,
};

/** Fields that only evaluators of some kinds have. */
const FIELD_KINDS: Readonly<Record<string, readonly (typeof EVALUATOR_KINDS)[number][]>> = {
  sql: ["sql"],
  url: ["http", "llm"],
  url_env: ["http", "llm"],
  redact: ["http", "llm"],
  secret_env: ["http"],
  api_key_env: ["llm"],
  model: ["llm"],
  provider: ["llm"],
  messages: ["llm"],
  temperature: ["llm"],
  output: ["llm"],
};

function evaluatorProblem(data: JsonObject): string | undefined {
  const kind = data["kind"] as (typeof EVALUATOR_KINDS)[number];
  for (const [field, kinds] of Object.entries(FIELD_KINDS)) {
    const value = data[field] ?? undefined;
    if (value !== undefined && !kinds.includes(kind)) return `has ${field}, which kind ${kind} does not`;
  }
  if (kind === "sql") return isText(data["sql"]) ? undefined : "needs sql";
  return (
    exactlyOneProblem(data, "url", "url_env") ??
    urlProblem(data) ??
    envNameProblem(data, ["url_env", "secret_env", "api_key_env"]) ??
    patternsProblem("redact", (data["redact"] ?? []) as readonly JsonObject[]) ??
    (kind === "llm" ? llmProblem(data) : undefined)
  );
}

function urlProblem({ url }: JsonObject): string | undefined {
  const problem = typeof url === "string" ? webhookUrlProblem(url) : undefined;
  return problem === undefined ? undefined : `has a url that ${problem}`;
}

function llmProblem(data: JsonObject): string | undefined {
  if (!isText(data["model"])) return "needs model";
  if (((data["messages"] ?? []) as readonly JsonValue[]).length === 0) return "needs messages";
  const template = templateProblem(data["messages"] as readonly JsonObject[]);
  if (template !== undefined) return template;
  const temperature = data["temperature"];
  if (typeof temperature === "number" && temperature < 0) return "has a negative temperature";
  const { type = "boolean", min, max, categories } = (data["output"] ?? {}) as JsonObject;
  if (type === "category") {
    const words = (categories ?? []) as readonly JsonValue[];
    if (words.length < 2 || !words.every(isText) || new Set(words).size < words.length) {
      return "needs output.categories: two or more different texts";
    }
  } else if (categories !== undefined && categories !== null) {
    return "has output.categories, which only output.type category has";
  }
  if (type !== "number" && (typeof min === "number" || typeof max === "number")) {
    return "has output.min or output.max, which only output.type number has";
  }
  if (typeof min === "number" && typeof max === "number" && min >= max)
    return "has an output.min that is not below output.max";
  return undefined;
}

function templateProblem(messages: readonly JsonObject[]): string | undefined {
  for (const [at, { content }] of messages.entries()) {
    const text = typeof content === "string" ? content : "";
    for (const [place, path = ""] of text.matchAll(TEMPLATE_PLACE)) {
      const root = path.split(".")[0] ?? "";
      if ((TEMPLATE_NAMES as readonly string[]).includes(root)) continue;
      return `has messages[${at}].content with ${place}: known are ${TEMPLATE_NAMES.join(", ")}`;
    }
  }
  return undefined;
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === "string" && value.trim() !== "";
}

/** `evaluator_runs`: what came of each evaluation. One id an evaluator, its version and a run: a run is judged once. */
export const EVALUATOR_RUNS: RecordType = {
  type: "evaluator_run",
  table: "evaluator_runs",
  doc: "What evaluators made of runs; the judgement is the feedback with that id.",
  fields: [
    { name: "evaluator_id", kind: "uuid", required: true, doc: "Evaluator." },
    { name: "evaluator_name", kind: "text", doc: "Its name at that time." },
    { name: "evaluator_version", kind: "integer", required: true, doc: "Its version." },
    { name: "rule_id", kind: "uuid", doc: "Rule that asked for it." },
    { name: "trace_id", kind: "trace_id", required: true, doc: "Trace of the run." },
    { name: "span_id", kind: "span_id", required: true, doc: "Span of the run." },
    { name: "run_id", kind: "uuid", doc: "LangSmith id of the run." },
    { name: "feedback_id", kind: "uuid", doc: "Feedback that it gave; null when it gave none." },
    { name: "model", kind: "text", doc: "Model that answered." },
    { name: "input_tokens", kind: "integer", doc: "Tokens that it read." },
    { name: "output_tokens", kind: "integer", doc: "Tokens that it wrote." },
    { name: "cache_read_tokens", kind: "integer", doc: "Those of them that it read from its cache." },
    { name: "duration_ms", kind: "number", doc: "How long it took, milliseconds." },
    { name: "provider", kind: "text", doc: "By whose prices it is priced." },
    { name: "cost_usd", kind: "number", doc: "What it cost, US dollars; null when that is not known." },
    { name: "cost_source", kind: "text", doc: "`emitter`: the API said it; `price`: by a price." },
    { name: "price_version", kind: "text", doc: "Version of the price table that it was priced by." },
  ],
  columns: [
    { name: "evaluator_id", type: "VARCHAR", doc: "Evaluator." },
    { name: "evaluator_name", type: "VARCHAR", doc: "Its name at that time." },
    { name: "evaluator_version", type: "BIGINT", doc: "Its version." },
    { name: "rule_id", type: "VARCHAR", doc: "Rule that asked for it." },
    { name: "trace_id", type: "VARCHAR", doc: "Trace of the run." },
    { name: "span_id", type: "VARCHAR", doc: "Span of the run." },
    { name: "run_id", type: "VARCHAR", doc: "LangSmith id of the run." },
    { name: "feedback_id", type: "VARCHAR", doc: "Feedback that it gave. Null when it gave none." },
    { name: "model", type: "VARCHAR", doc: "Model that answered." },
    { name: "input_tokens", type: "BIGINT", doc: "Tokens that it read." },
    { name: "output_tokens", type: "BIGINT", doc: "Tokens that it wrote." },
    { name: "duration_ms", type: "DOUBLE", doc: "How long it took, milliseconds." },
    { name: "provider", type: "VARCHAR", doc: "By whose prices it is priced." },
    { name: "cost_usd", type: "DOUBLE", doc: "What it cost, US dollars. Null when that is not known." },
    { name: "cost_source", type: "VARCHAR", doc: "emitter: the API said it; price: by a price." },
    { name: "price_version", type: "VARCHAR", doc: "Version of the price table that it was priced by." },
  ],
};
