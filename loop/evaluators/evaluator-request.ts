import { CounterfoilError, type JsonObject, type JsonValue, TEMPLATE_PLACE } from "../../schema/index.js";
import type { JsonRequest } from "../http/send-json.js";
import { addressOf, type Environment, requiredVariable, signedHeaders } from "../http/signed.js";
import { textIn } from "../records/text-in.js";
import type { Evaluator } from "./evaluator-book.js";
import { usageIn } from "./judgement-cost.js";
import type { EvaluatorUsage } from "./judgement.js";

/** The run as an evaluator is told it. */
export interface ToldRun {
  readonly id: string;
  readonly trace_id: string;
  readonly span_id: string;
  readonly name: string | null;
  readonly session_name: string | null;
  readonly inputs: JsonValue;
  readonly outputs: JsonValue;
  /** The newest one; null without one. */
  readonly correction: JsonValue;
  /** Inputs and outputs of each turn of its thread; null where the rule is about runs. */
  readonly thread: JsonValue;
}

/** What is sent, and who with. */
export interface EvaluatorCall {
  readonly evaluator: Evaluator;
  readonly run: ToldRun;
  /** Id of the `evaluator_run`: the same in every try. */
  readonly id: string;
  readonly env: Environment;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** The request of an evaluator of kind http: the run as JSON, signed like a webhook. Throws CF_CONFIG_INVALID. */
export function httpRequest({ evaluator, run, id, env, nowMs }: EvaluatorCall): JsonRequest {
  const { name, version, feedbackKey, data } = evaluator;
  const body = JSON.stringify({
    type: "evaluate",
    evaluator: { id: evaluator.id, name, version, feedback_key: feedbackKey },
    run,
  });
  return { url: addressOf(data, env), headers: signedHeaders(data, { id, body, env, nowMs }), body };
}

/** The request of an evaluator of kind llm, as OpenAI's chat completions take it. Throws CF_CONFIG_INVALID. */
export function llmRequest({ evaluator, run, env }: EvaluatorCall): JsonRequest {
  const { data } = evaluator;
  const messages = (data["messages"] ?? []) as readonly JsonObject[];
  const variable = data["api_key_env"];
  const body = JSON.stringify({
    model: data["model"],
    messages: messages.map((each) => ({ role: each["role"], content: filled(textIn(each, "content"), run) })),
    ...(typeof data["temperature"] === "number" ? { temperature: data["temperature"] } : {}),
    response_format: {
      type: "json_schema",
      json_schema: { name: "judgement", strict: true, schema: schemaOf(outputOf(evaluator)) },
    },
  });
  return {
    url: `${addressOf(data, env).replace(/\/+$/, "")}/chat/completions`,
    headers: {
      "content-type": "application/json",
      ...(typeof variable === "string" ? { authorization: `Bearer ${requiredVariable(env, variable)}` } : {}),
    },
    body,
  };
}

/** Puts values of the run into a text, once: what they hold is text, and no template. */
export function filled(template: string, run: ToldRun): string {
  const known: JsonObject = {
    inputs: run.inputs ?? null,
    outputs: run.outputs ?? null,
    correction: run.correction ?? null,
    thread: run.thread ?? null,
    name: run.name,
  };
  return template.replace(TEMPLATE_PLACE, (_, path: string) => {
    let value: JsonValue | undefined = known;
    for (const step of path.split(".")) {
      const isThere: boolean = typeof value === "object" && value !== null && Object.hasOwn(value, step);
      value = isThere ? (value as JsonObject)[step] : null;
    }
    return typeof value === "string" ? value : JSON.stringify(value ?? null);
  });
}

interface Output {
  readonly type: string;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly categories: readonly string[];
}

function outputOf({ data }: Evaluator): Output {
  const output = (data["output"] ?? {}) as JsonObject;
  const bound = (name: string): number | undefined =>
    typeof output[name] === "number" ? output[name] : undefined;
  return {
    type: textIn(output, "type") || "boolean",
    min: bound("min"),
    max: bound("max"),
    categories: (output["categories"] ?? []) as readonly string[],
  };
}

/** The reason comes first, so that a model thinks before it says. */
function schemaOf({ type, min, max, categories }: Output): JsonObject {
  const field = type === "category" ? "value" : "score";
  const said: JsonObject =
    type === "category"
      ? { type: "string", enum: categories }
      : type === "boolean"
        ? { type: "boolean" }
        : {
            type: "number",
            ...(min === undefined ? {} : { minimum: min }),
            ...(max === undefined ? {} : { maximum: max }),
          };
  return {
    type: "object",
    properties: { comment: { type: "string", description: "Why, in one or two sentences." }, [field]: said },
    required: ["comment", field],
    additionalProperties: false,
  };
}

/** What a model answered. Throws CF_RECORD_INVALID for what does not fit what it was asked for. */
export function llmAnswer(
  evaluator: Evaluator,
  text: string,
): { readonly answer: JsonObject; readonly usage: EvaluatorUsage } {
  const reply = objectIn(text, "the model's API answered no JSON object");
  const [choice] = (Array.isArray(reply["choices"]) ? reply["choices"] : []) as readonly JsonObject[];
  const message = (choice?.["message"] ?? {}) as JsonObject;
  if (typeof message["refusal"] === "string") throw wrong("the model refused to answer");
  if (typeof message["content"] !== "string") throw wrong("the model's API answered no message");
  // Some models put a fence around JSON whatever they are asked for.
  const fenced = /^\s*```(?:json)?\s*([\s\S]*?)\s*```\s*$/.exec(message["content"])?.[1];
  const said = objectIn(fenced ?? message["content"], "the model answered no JSON object");
  const problem = outputProblem(outputOf(evaluator), said);
  if (problem !== undefined) throw wrong(`the model answered ${problem}`);
  return {
    answer: {
      ...("score" in said ? { score: said["score"] ?? null } : {}),
      ...("value" in said ? { value: said["value"] ?? null } : {}),
      ...(typeof said["comment"] === "string" ? { comment: said["comment"] } : {}),
    },
    usage: usageIn(reply),
  };
}

function outputProblem(
  { type, min, max, categories }: Output,
  { score, value }: JsonObject,
): string | undefined {
  if (type === "category") {
    return typeof value === "string" && categories.includes(value)
      ? undefined
      : "a value that is no category";
  }
  if (type === "boolean") return typeof score === "boolean" ? undefined : "a score that is not true or false";
  if (typeof score !== "number") return "a score that is no number";
  return score < (min ?? -Infinity) || score > (max ?? Infinity) ? "a score out of its bounds" : undefined;
}

/** The JSON object of a text. Throws CF_RECORD_INVALID. */
export function objectIn(text: string, problem: string): JsonObject {
  try {
    const value = JSON.parse(text) as JsonValue;
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  } catch {
    // Said below.
  }
  throw wrong(problem);
}

function wrong(text: string): CounterfoilError {
  return new CounterfoilError("CF_RECORD_INVALID", text);
}
