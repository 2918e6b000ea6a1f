import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pause } from "./bookings.js";
import { createModelScript, type Move, type RequestMessage } from "./model-script.js";
import { countTokens, PromptCache } from "./model-tokens.js";

/** A running stand-in. */
export interface ModelServer {
  /** Base URL for an OpenAI client, ending in `/v1`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Numbers in an embedding vector of the stand-in. */
const DIMENSIONS = 256;

/** Largest request body the stand-in reads, bytes. */
const BODY_BYTES_MAX = 1_000_000;

/** Time until the first word, and between words, milliseconds. */
const FIRST_CHUNK_MS = 15;
const NEXT_CHUNK_MS = 2;

/**
 * A stand-in for a model provider: chat completions (plain and streamed, with tools) and embeddings in OpenAI's wire
 * format on 127.0.0.1. What it says is scripted; token counts are worked out from the text, cached prefixes included.
 */
export async function startModelServer(options: { readonly port?: number } = {}): Promise<ModelServer> {
  const next = createModelScript();
  const cache = new PromptCache();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= BODY_BYTES_MAX) chunks.push(chunk);
    });
    request.on("end", () => {
      const body = parse(Buffer.concat(chunks).toString("utf8"));
      const path = request.url ?? "";
      if (size > BODY_BYTES_MAX || body === undefined)
        sendError(response, 400, "The body is not usable JSON.");
      else if (path.endsWith("/chat/completions")) void chat(response, body, next, cache);
      else if (path.endsWith("/embeddings")) embeddings(response, body);
      else sendError(response, 404, `There is nothing at ${path}.`);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

type Body = Readonly<Record<string, unknown>>;

async function chat(
  response: ServerResponse,
  body: Body,
  next: (messages: readonly RequestMessage[]) => Move,
  cache: PromptCache,
): Promise<void> {
  const messages = Array.isArray(body["messages"]) ? (body["messages"] as RequestMessage[]) : [];
  const move = next(messages);
  if (move.kind === "refuse") return sendError(response, move.status, move.message);
  const prompt = JSON.stringify([body["tools"], messages]);
  const output = move.kind === "say" ? move.text : JSON.stringify(move.calls);
  const base = {
    id: `chatcmpl-${digest(prompt).slice(0, 16)}`,
    created: Math.floor(Date.now() / 1000),
    model: body["model"],
  };
  const usage = usageOf(prompt, output, cache);
  await pause(FIRST_CHUNK_MS);
  if (body["stream"] === true) await stream(response, { base, move, usage });
  else sendJson(response, 200, { ...base, object: "chat.completion", choices: [choiceOf(move)], usage });
  return undefined;
}

interface Answer {
  readonly base: Body;
  readonly move: Move;
  readonly usage: Body;
}

/** Server-sent events: words one by one, arguments in two halves, usage last. */
async function stream(response: ServerResponse, { base, move, usage }: Answer): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = async (fields: Body): Promise<void> => {
    const data = JSON.stringify({ ...base, object: "chat.completion.chunk", choices: [], ...fields });
    response.write(`data: ${data}\n\n`);
    await pause(NEXT_CHUNK_MS);
  };
  const delta = (fields: Body, finish: string | null = null): Promise<void> =>
    send({ choices: [{ index: 0, delta: fields, finish_reason: finish }] });
  await delta({ role: "assistant", content: move.kind === "say" ? "" : null });
  if (move.kind === "say") {
    for (const words of move.text.match(/(?:\S+\s*){1,4}/g) ?? []) await delta({ content: words });
  }
  for (const [index, call] of toolCalls(move).entries()) {
    const { name, arguments: text } = call.function;
    const half = Math.ceil(text.length / 2);
    await delta({
      tool_calls: [{ ...call, index, function: { name, arguments: text.slice(0, half) } }],
    });
    await delta({ tool_calls: [{ index, function: { arguments: text.slice(half) } }] });
  }
  await delta({}, finishOf(move));
  await send({ usage });
  response.end("data: [DONE]\n\n");
}

function choiceOf(move: Move): Body {
  const calls = toolCalls(move);
  return {
    index: 0,
    finish_reason: finishOf(move),
    message: {
      role: "assistant",
      content: move.kind === "say" ? move.text : null,
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  };
}

function finishOf(move: Move): string {
  return move.kind === "call" ? "tool_calls" : "stop";
}

interface WireCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

function toolCalls(move: Move): readonly WireCall[] {
  if (move.kind !== "call") return [];
  return move.calls.map((call, index) => {
    const text = JSON.stringify(call.arguments);
    return {
      id: `call_${digest(`${call.name}${text}${index}`).slice(0, 12)}`,
      type: "function",
      function: { name: call.name, arguments: text },
    };
  });
}

function usageOf(prompt: string, output: string, cache: PromptCache): Body {
  const input = countTokens(prompt);
  const completion = countTokens(output);
  return {
    prompt_tokens: input,
    completion_tokens: completion,
    total_tokens: input + completion,
    prompt_tokens_details: { cached_tokens: cache.read(prompt) },
    completion_tokens_details: { reasoning_tokens: 0 },
  };
}

/** Each word adds to one number of the vector: texts with the same words lie close together. */
function embeddings(response: ServerResponse, body: Body): void {
  const input = Array.isArray(body["input"]) ? body["input"] : [body["input"]];
  const texts = input.map((item: unknown) => (typeof item === "string" ? item : ""));
  const tokens = texts.reduce((sum, text) => sum + countTokens(text), 0);
  sendJson(response, 200, {
    object: "list",
    model: body["model"],
    data: texts.map((text, index) => ({ object: "embedding", index, embedding: vectorOf(text) })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

function vectorOf(text: string): readonly number[] {
  const vector = Array.from({ length: DIMENSIONS }, () => 0);
  for (const word of text.toLowerCase().match(/\p{L}{4,}/gu) ?? []) {
    const slot = createHash("sha256").update(word.slice(0, 6)).digest().readUInt16BE(0) % DIMENSIONS;
    vector[slot] = (vector[slot] ?? 0) + 1;
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function parse(text: string): Body | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? (value as Body) : undefined;
  } catch {
    return undefined;
  }
}

function sendError(response: ServerResponse, status: number, message: string): void {
  sendJson(response, status, { error: { message, type: "stand_in_error", code: null } });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
