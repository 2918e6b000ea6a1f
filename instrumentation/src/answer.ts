import type { Attributes } from "@opentelemetry/api";
import { responseAttributes } from "./attributes.js";
import { guard } from "./guard.js";
import { isObject, type JsonObject } from "./json.js";
import type { ResultReader } from "./observe.js";
import type { Operation } from "./operation.js";
import type { ChatResponse, Usage } from "./options.js";
import { ATTR_OUTPUT_MESSAGES, ATTR_USAGE_COST } from "./semconv.js";

/**
 * What a call cost, in US dollars, by your own price list; `undefined` when it doesn't know the model. This package has
 * no prices: without this callback no cost is written, for a guessed one is worse than none.
 */
export type CostOf = (call: {
  readonly model: string | undefined;
  readonly usage: Usage;
}) => number | undefined;

/** How a model client's answers are read. */
export interface AnswerShape {
  /** The answer in this package's terms. */
  read(answer: JsonObject): ChatResponse;
  /** The answer a stream's chunks make. */
  join(chunks: readonly unknown[]): JsonObject;
  /** Attributes only this provider has. */
  attributes?(answer: JsonObject): Attributes;
  /** The error an answer that came with HTTP 200 tells of. */
  error?(answer: JsonObject): Error | undefined;
}

/** Reads a whole answer, or the one its chunks make, onto the span. */
export function answerReader(
  operation: Operation,
  shape: AnswerShape,
  cost: CostOf | undefined,
): ResultReader {
  const write = (answer: JsonObject): void => {
    const response = shape.read(answer);
    operation.set(() => ({ ...responseAttributes(response), ...shape.attributes?.(answer) }));
    writeCost(operation, response.model, response.usage, cost);
    const { outputMessages } = response;
    if (Array.isArray(outputMessages) && outputMessages.length > 0) {
      operation.content(ATTR_OUTPUT_MESSAGES, () => outputMessages);
    }
    const error = shape.error?.(answer);
    if (error !== undefined) operation.fail(error);
  };
  return {
    value(result) {
      if (operation.recording && isObject(result)) write(result);
    },
    stream: (chunks) => write(shape.join(chunks)),
  };
}

/** Writes the cost of a call whose usage is known. */
export function writeCost(
  operation: Operation,
  model: string | undefined,
  usage: Usage | undefined,
  cost: CostOf | undefined,
): void {
  if (cost === undefined || usage === undefined) return;
  const dollars = guard("cost", () => cost({ model, usage }));
  if (dollars !== undefined) operation.set(() => ({ [ATTR_USAGE_COST]: dollars }));
}
