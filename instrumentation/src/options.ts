import type { Attributes } from "@opentelemetry/api";
import type { ContentOptions } from "./content.js";
import type { AnyFunction } from "./instrument.js";
import type { Part } from "./messages.js";

/** Options of every `traceX` wrapper. A callback that throws loses its attributes, never the call. */
export interface TraceOptions<F extends AnyFunction> extends ContentOptions {
  /** More attributes, set at the start of the span; a function gets the call's arguments. */
  readonly attributes?: Attributes | ((...args: Parameters<F>) => Attributes) | undefined;
  /** More attributes, read from the result; for a stream, from the array of its chunks. */
  readonly resultAttributes?: ((result: Result<F>) => Attributes) | undefined;
}

/** What a call gives in the end: a promise's value, or a stream's chunks as an array. */
export type Result<F extends AnyFunction> = Settled<Awaited<ReturnType<F>>>;

type Settled<T> = T extends readonly unknown[]
  ? T
  : T extends AsyncIterable<infer Chunk>
    ? readonly Chunk[]
    : T extends Iterator<infer Chunk>
      ? readonly Chunk[]
      : T;

/** Messages, or anything `valueToMessages` reads: text, `{role, content}` objects, or a value kept as JSON text. */
export type MessagesLike = string | number | boolean | bigint | object | null | undefined;

/** Options of `traceAgent`. */
export interface AgentOptions<F extends AnyFunction> extends TraceOptions<F> {
  readonly name: string;
  readonly id?: string | undefined;
  readonly description?: string | undefined;
  readonly version?: string | undefined;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  /** System instructions, as text. */
  readonly systemInstructions?: string | undefined;
  /** What the agent was asked. Default: the first argument. */
  readonly input?: ((...args: Parameters<F>) => MessagesLike) | undefined;
  /** What it answered. Default: the result; a stream of strings is joined. */
  readonly output?: ((result: Result<F>) => MessagesLike) | undefined;
}

/** Options of `traceWorkflow`. */
export interface WorkflowOptions<F extends AnyFunction> extends TraceOptions<F> {
  readonly name: string;
  /** What the workflow was given. Default: the first argument. */
  readonly input?: ((...args: Parameters<F>) => MessagesLike) | undefined;
  /** What it gave. Default: the result. */
  readonly output?: ((result: Result<F>) => MessagesLike) | undefined;
}

/** Options of `traceTool`. */
export interface ToolOptions<F extends AnyFunction> extends TraceOptions<F> {
  readonly name: string;
  readonly description?: string | undefined;
  /** Default: function. */
  readonly type?: "function" | "extension" | "datastore" | undefined;
  /** The id of the model's tool call, found in the arguments. */
  readonly callId?: ((...args: Parameters<F>) => string | undefined) | undefined;
  /** The tool's arguments. Default: the first argument when it is the only one, otherwise all as an array. */
  readonly input?: ((...args: Parameters<F>) => unknown) | undefined;
  /** The tool's result. Default: what the function returned. */
  readonly output?: ((result: Result<F>) => unknown) | undefined;
}

/** One found document. `id` and `score` are what the conventions ask for; more fields are kept. */
export interface RetrievedDocument {
  readonly id?: string | number | undefined;
  readonly score?: number | undefined;
  readonly [field: string]: unknown;
}

/** Options of `traceRetrieval`. */
export interface RetrievalOptions<F extends AnyFunction> extends TraceOptions<F> {
  readonly dataSourceId: string;
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  /** How many documents are asked for at most. */
  readonly topK?: number | undefined;
  /** The query text. Default: the first argument, when it is text. */
  readonly query?: ((...args: Parameters<F>) => string) | undefined;
  /** The documents found. Default: the result, when it is an array. */
  readonly documents?: ((result: Result<F>) => readonly RetrievedDocument[]) | undefined;
}

/** Tokens of one model call, as the provider bills them. */
export interface Usage {
  /** All input tokens, cached ones included. */
  readonly inputTokens?: number | undefined;
  /** All output tokens, reasoning included. */
  readonly outputTokens?: number | undefined;
  readonly cacheReadTokens?: number | undefined;
  readonly cacheWriteTokens?: number | undefined;
  readonly reasoningTokens?: number | undefined;
}

/** What is asked of a model, known before the call. */
export interface ChatRequest {
  readonly model?: string | undefined;
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly stopSequences?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  /** Number of answers asked for, when it is not one. */
  readonly choiceCount?: number | undefined;
  readonly stream?: boolean | undefined;
  readonly outputType?: "text" | "json" | "image" | "speech" | undefined;
  readonly systemInstructions?: string | readonly Part[] | undefined;
  readonly inputMessages?: MessagesLike;
  /** `[{type: "function", name, description?, parameters?}]`. */
  readonly tools?: readonly unknown[] | undefined;
}

/** What a model answered. */
export interface ChatResponse {
  readonly id?: string | undefined;
  readonly model?: string | undefined;
  readonly finishReasons?: readonly string[] | undefined;
  readonly outputMessages?: MessagesLike;
  readonly usage?: Usage | undefined;
}

/** Options of `traceChat`: a model call through a client this package has no wrapper for. */
export interface ChatOptions<F extends AnyFunction> extends TraceOptions<F> {
  /** The conventions' name of the provider: openai, anthropic, aws.bedrock, ... */
  readonly provider: string;
  readonly model?: string | undefined;
  /** Default: chat. */
  readonly operation?: "chat" | "generate_content" | "text_completion" | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  /** Default: the first argument as the input messages. */
  readonly request?: ((...args: Parameters<F>) => ChatRequest) | undefined;
  /** Default: the result as the output messages. */
  readonly response?: ((result: Result<F>) => ChatResponse) | undefined;
}

/** Options of `traceEmbeddings`. */
export interface EmbeddingsOptions<F extends AnyFunction> extends TraceOptions<F> {
  readonly provider: string;
  readonly model?: string | undefined;
  readonly serverAddress?: string | undefined;
  readonly serverPort?: number | undefined;
  /** Default: nothing but the number of dimensions, when the result is a vector or an array of vectors. */
  readonly response?:
    | ((result: Result<F>) => {
        readonly model?: string | undefined;
        readonly inputTokens?: number | undefined;
        readonly dimensions?: number | undefined;
      })
    | undefined;
}
