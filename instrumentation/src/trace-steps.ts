import { SpanKind, type Attributes } from "@opentelemetry/api";
import { guard } from "./guard.js";
import { instrument, type AnyFunction, type CallPlan } from "./instrument.js";
import { textPart, valueToMessages } from "./messages.js";
import type { Operation } from "./operation.js";
import type { AgentOptions, Result, ToolOptions, TraceOptions, WorkflowOptions } from "./options.js";
import type { ResultReader } from "./observe.js";
import {
  ATTR_AGENT_DESCRIPTION,
  ATTR_AGENT_ID,
  ATTR_AGENT_NAME,
  ATTR_AGENT_VERSION,
  ATTR_INPUT_MESSAGES,
  ATTR_OPERATION_NAME,
  ATTR_OUTPUT_MESSAGES,
  ATTR_PROVIDER_NAME,
  ATTR_REQUEST_MODEL,
  ATTR_SYSTEM_INSTRUCTIONS,
  ATTR_TOOL_CALL_ARGUMENTS,
  ATTR_TOOL_CALL_ID,
  ATTR_TOOL_CALL_RESULT,
  ATTR_TOOL_DESCRIPTION,
  ATTR_TOOL_NAME,
  ATTR_TOOL_TYPE,
  ATTR_WORKFLOW_NAME,
} from "./semconv.js";

/**
 * Wraps a function that runs an agent in this process: span `invoke_agent {name}`, kind INTERNAL. Works for sync and
 * async functions, promises, generators and async iterables; results, errors, `this` and the type stay as they are.
 */
export function traceAgent<F extends AnyFunction>(options: AgentOptions<F>, fn: F): F {
  return instrument(fn, {
    options,
    start: (args) => ({
      name: `invoke_agent ${options.name}`,
      kind: SpanKind.INTERNAL,
      attributes: {
        [ATTR_OPERATION_NAME]: "invoke_agent",
        [ATTR_AGENT_NAME]: options.name,
        [ATTR_AGENT_ID]: options.id,
        [ATTR_AGENT_DESCRIPTION]: options.description,
        [ATTR_AGENT_VERSION]: options.version,
        [ATTR_PROVIDER_NAME]: options.provider,
        [ATTR_REQUEST_MODEL]: options.model,
        ...extraAttributes(options, args),
      },
    }),
    input(operation, args) {
      const instructions = options.systemInstructions;
      if (instructions !== undefined) {
        operation.content(ATTR_SYSTEM_INSTRUCTIONS, () => [textPart(instructions)]);
      }
      operation.content(ATTR_INPUT_MESSAGES, () => valueToMessages(inputOf(options.input, args), "user"));
    },
    reader: (operation) => conversationReader(operation, options),
  });
}

/** Wraps a function that runs several steps in a fixed order: span `invoke_workflow {name}`, kind INTERNAL. */
export function traceWorkflow<F extends AnyFunction>(options: WorkflowOptions<F>, fn: F): F {
  return instrument(fn, {
    options,
    start: (args) => ({
      name: `invoke_workflow ${options.name}`,
      kind: SpanKind.INTERNAL,
      attributes: {
        [ATTR_OPERATION_NAME]: "invoke_workflow",
        [ATTR_WORKFLOW_NAME]: options.name,
        ...extraAttributes(options, args),
      },
    }),
    input(operation, args) {
      operation.content(ATTR_INPUT_MESSAGES, () => valueToMessages(inputOf(options.input, args), "user"));
    },
    reader: (operation) => conversationReader(operation, options),
  });
}

/** Wraps a tool: span `execute_tool {name}`, kind INTERNAL, with its arguments and result. */
export function traceTool<F extends AnyFunction>(options: ToolOptions<F>, fn: F): F {
  return instrument(fn, toolPlan(options));
}

function toolPlan<F extends AnyFunction>(options: ToolOptions<F>): CallPlan {
  return {
    options,
    start: (args) => ({
      name: `execute_tool ${options.name}`,
      kind: SpanKind.INTERNAL,
      attributes: {
        [ATTR_OPERATION_NAME]: "execute_tool",
        [ATTR_TOOL_NAME]: options.name,
        [ATTR_TOOL_TYPE]: options.type ?? "function",
        [ATTR_TOOL_DESCRIPTION]: options.description,
        [ATTR_TOOL_CALL_ID]: guard("callId", () => options.callId?.(...(args as Parameters<F>))),
        ...extraAttributes(options, args),
      },
    }),
    input(operation, args) {
      operation.content(ATTR_TOOL_CALL_ARGUMENTS, () => {
        if (options.input !== undefined) return options.input(...(args as Parameters<F>));
        return args.length === 0 ? undefined : args.length === 1 ? args[0] : args;
      });
    },
    reader: (operation) =>
      readerOf(operation, options, (result) => {
        operation.content(ATTR_TOOL_CALL_RESULT, () =>
          options.output === undefined ? result : options.output(result),
        );
      }),
  };
}

/** The user's own attributes for the start of the span. A callback that throws gives none. */
export function extraAttributes<F extends AnyFunction>(
  options: TraceOptions<F>,
  args: readonly unknown[],
): Attributes {
  const { attributes } = options;
  if (typeof attributes !== "function") return attributes ?? {};
  return guard("attributes", () => attributes(...(args as Parameters<F>))) ?? {};
}

/** A reader that hands the settled result (a stream's chunks as an array) to `read` and to `resultAttributes`. */
export function readerOf<F extends AnyFunction>(
  operation: Operation,
  options: TraceOptions<F>,
  read: (result: Result<F>, isStream: boolean) => void,
): ResultReader {
  const settled = (result: unknown, isStream: boolean): void => {
    const typed = result as Result<F>;
    const { resultAttributes } = options;
    if (resultAttributes !== undefined) operation.set(() => resultAttributes(typed));
    read(typed, isStream);
  };
  return { value: (result) => settled(result, false), stream: (chunks) => settled(chunks, true) };
}

/** Chunks of text are one text. */
export function joined(result: unknown, isStream: boolean): unknown {
  if (!isStream || !Array.isArray(result)) return result;
  if (result.length === 0) return undefined;
  return result.every((chunk) => typeof chunk === "string") ? result.join("") : result;
}

function inputOf<F extends AnyFunction>(
  pick: ((...args: Parameters<F>) => unknown) | undefined,
  args: readonly unknown[],
): unknown {
  return pick === undefined ? args[0] : pick(...(args as Parameters<F>));
}

function conversationReader<F extends AnyFunction>(
  operation: Operation,
  options: AgentOptions<F> | WorkflowOptions<F>,
): ResultReader {
  return readerOf<F>(operation, options, (result, isStream) => {
    operation.content(ATTR_OUTPUT_MESSAGES, () => {
      const output = options.output === undefined ? joined(result, isStream) : options.output(result);
      return valueToMessages(output, "assistant");
    });
  });
}
