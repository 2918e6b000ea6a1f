import type { Attributes } from "@opentelemetry/api";
import { responseAttributes } from "./attributes.js";
import { isObject, type JsonObject } from "./json.js";
import type { ResultReader } from "./observe.js";
import type { Operation } from "./operation.js";
import type { ChatResponse } from "./options.js";
import { ATTR_OUTPUT_MESSAGES } from "./semconv.js";

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
export function answerReader(operation: Operation, shape: AnswerShape): ResultReader {
  const write = (answer: JsonObject): void => {
    const response = shape.read(answer);
    operation.set(() => ({ ...responseAttributes(response), ...shape.attributes?.(answer) }));
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
