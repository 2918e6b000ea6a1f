import {
  CounterfoilError,
  EVALUATOR_RUNS,
  FEEDBACK,
  isDeeper,
  type JsonObject,
  type JsonValue,
  nameUuid,
  RECORD_JSON_DEPTH_MAX,
} from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import type { MatchedRun, Rule } from "../rules/rule-types.js";
import type { Evaluator } from "./evaluator-book.js";

/** Namespaces of computed ids: a version of an evaluator judges a run once (I6). */
const RUNS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e17";
const FEEDBACKS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e18";
const SOURCE = "evaluator";

/** What an evaluator says of a run. */
export interface Judgement {
  readonly score?: number | boolean;
  readonly value?: JsonValue;
  readonly comment?: string;
}

/** What an answer cost. */
export interface EvaluatorUsage {
  readonly model?: string;
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  /** Parts of these two. */
  readonly cacheReadTokens?: number;
  readonly audioInputTokens?: number;
  readonly audioOutputTokens?: number;
  readonly serviceTier?: string;
  readonly durationMs?: number;
  /** By whose prices it is priced. */
  readonly provider?: string;
  readonly costUsd?: number;
  /** `emitter`: the API said it; `price`: by the table of that version. */
  readonly costSource?: "emitter" | "price";
  readonly priceVersion?: string;
}

interface Span {
  readonly traceId: string;
  readonly spanId: string;
}

const nameOf = ({ id, version }: Evaluator, { traceId, spanId }: Span): string =>
  `${id}/${version}/${traceId}/${spanId}`;

/** Id of what this version of an evaluator made of a run. */
export function evaluatorRunIdOf(evaluator: Evaluator, span: Span): string {
  return nameUuid(RUNS, nameOf(evaluator, span));
}

/** Id of the feedback that this version of an evaluator gives on a run. */
export function judgementIdOf(evaluator: Evaluator, span: Span): string {
  return nameUuid(FEEDBACKS, nameOf(evaluator, span));
}

/**
 * What an answer says: a number or a boolean is a score, a text a value, an object has `score`, `value` and `comment`.
 * Undefined when it says nothing. Throws CF_RECORD_INVALID for fields that are none or that no
 * record may hold, and for another `key` than the evaluator's.
 */
export function judgementOf(evaluator: Evaluator, answer: JsonValue): Judgement | undefined {
  if (answer === null || answer === "") return undefined;
  checkWritable(answer);
  if (typeof answer === "number" || typeof answer === "boolean") return { score: answer };
  if (typeof answer === "string") return { value: answer };
  if (Array.isArray(answer)) throw wrong(`answered a list, not one judgement`);
  const { key, score = null, value = null, comment = null } = answer as JsonObject;
  if (typeof key === "string" && key !== evaluator.feedbackKey) {
    throw wrong(
      `answered the key ${JSON.stringify(key)}, its feedback_key is ${JSON.stringify(evaluator.feedbackKey)}`,
    );
  }
  if (score !== null && typeof score !== "number" && typeof score !== "boolean")
    throw wrong(`answered a score that is no number, true or false`);
  if (comment !== null && typeof comment !== "string") throw wrong("answered a comment that is no text");
  if (score === null && value === null) return undefined;
  return {
    ...(score === null ? {} : { score }),
    ...(value === null ? {} : { value }),
    ...(comment === null ? {} : { comment }),
  };
}

/** What no record may hold would be refused when it is written, and asked for again without end. */
function checkWritable(answer: JsonValue): void {
  const { score } = typeof answer === "object" ? (answer as JsonObject) : { score: answer };
  if (typeof score === "number" && !Number.isFinite(score))
    throw wrong("answered a score that is not finite");
  // Its value is one level down in the answer, as it is in the record.
  if (isDeeper(answer, RECORD_JSON_DEPTH_MAX)) {
    throw wrong(`answered something nested more than ${RECORD_JSON_DEPTH_MAX} deep`);
  }
}

function wrong(text: string): CounterfoilError {
  return new CounterfoilError("CF_RECORD_INVALID", `the evaluator ${text}`);
}

/** What a judgement is written as. */
export interface JudgedRun {
  readonly evaluator: Evaluator;
  readonly rule: Pick<Rule, "id" | "name">;
  readonly run: Pick<MatchedRun, "traceId" | "spanId" | "runId">;
  readonly judgement: Judgement;
  readonly usage: EvaluatorUsage;
  /** RFC 3339. */
  readonly time: string;
}

/** The feedback and the note of what it took: one change, so that neither is there without the other. */
export function judgementRecords(judged: JudgedRun): readonly [feedback: RecordDraft, run: RecordDraft] {
  const { evaluator, rule, run, judgement, usage, time } = judged;
  const id = evaluatorRunIdOf(evaluator, run);
  const feedbackId = judgementIdOf(evaluator, run);
  const ids = { run_id: run.runId, trace_id: run.traceId, span_id: run.spanId };
  const named = {
    evaluator_id: evaluator.id,
    evaluator_name: evaluator.name,
    evaluator_version: evaluator.version,
  };
  const feedback: JsonObject = {
    key: evaluator.feedbackKey,
    ...ids,
    score: judgement.score ?? null,
    value: judgement.value ?? null,
    comment: judgement.comment ?? null,
    feedback_source: {
      type: evaluator.data["kind"] === "sql" ? "code" : "model",
      metadata: { __run: { run_id: id }, ...named, rule_id: rule.id, rule_name: rule.name },
    },
    created_at: time,
    modified_at: time,
  };
  const data: JsonObject = {
    ...named,
    rule_id: rule.id,
    ...ids,
    feedback_id: feedbackId,
    model: usage.model ?? null,
    input_tokens: usage.inputTokens ?? null,
    output_tokens: usage.outputTokens ?? null,
    cache_read_tokens: usage.cacheReadTokens ?? null,
    duration_ms: usage.durationMs ?? null,
    provider: usage.provider ?? null,
    cost_usd: usage.costUsd ?? null,
    cost_source: usage.costSource ?? null,
    price_version: usage.priceVersion ?? null,
  };
  return [
    { type: FEEDBACK.type, id: feedbackId, op: "put", data: feedback, time, source: SOURCE },
    { type: EVALUATOR_RUNS.type, id, op: "put", data, time, source: SOURCE },
  ];
}
