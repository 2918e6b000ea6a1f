import type { Client } from "langsmith";
import { restoreNumbers } from "../../schema/index.js";
import { classifyAnswer, LANGSMITH_STATUSES } from "../core/classify.js";
import type { Outcome } from "../core/exporter.js";
import type { HttpAnswer, HttpFailure, HttpTransport } from "../core/http.js";
import type { Run } from "./run.js";

/** Where and as whom. */
export interface NativeClientOptions {
  readonly apiUrl: string;
  readonly apiKey: string;
  readonly workspaceId?: string;
  readonly timeoutMs: number;
  readonly transport: HttpTransport;
}

/** What goes out in one request. */
export interface RunBatch {
  readonly creates: readonly Run[];
  readonly updates: readonly Run[];
}

/**
 * Sends runs with LangSmith's own client, which knows the wire format. Its retries, sampling, queues and environment
 * settings are out of play: its `fetch` always says 202, and the peer's true answer comes back to the delivery core.
 */
export class NativeClient {
  readonly #options: NativeClientOptions;
  readonly #idle: Slot[] = [];
  #multipart = true;

  constructor(options: NativeClientOptions) {
    this.#options = options;
  }

  /** One attempt. A server without multipart ingest gets the older JSON batch from then on. */
  async send(runs: RunBatch, abort: AbortSignal): Promise<Outcome> {
    // Loaded when first needed: no other destination pays for the package.
    const slot = this.#idle.pop() ?? new Slot((await import("langsmith")).Client, this.#options);
    try {
      let answer = await slot.ingest(runs, this.#multipart, abort);
      if (this.#multipart && "status" in answer && answer.status === 404) {
        const second = await slot.ingest(runs, false, abort);
        if ("status" in second && second.status !== 404) this.#multipart = false;
        answer = second;
      }
      return classifyAnswer(answer, LANGSMITH_STATUSES, Date.now()) ?? { kind: "delivered" };
    } finally {
      this.#idle.push(slot);
    }
  }
}

/** One client with one request at a time, so that an answer can be told apart from others'. */
class Slot {
  readonly #client: Client;
  #answer: HttpAnswer | HttpFailure | undefined;
  #abort: AbortSignal = AbortSignal.abort();

  constructor(ClientClass: typeof Client, options: NativeClientOptions) {
    this.#client = new ClientClass({
      apiUrl: options.apiUrl,
      apiKey: options.apiKey,
      ...(options.workspaceId === undefined ? {} : { workspaceId: options.workspaceId }),
      timeout_ms: options.timeoutMs,
      autoBatchTracing: false,
      tracingSamplingRate: 1,
      tracingMode: "langsmith",
      hideInputs: false,
      hideOutputs: false,
      hideMetadata: false,
      omitTracedRuntimeInfo: true,
      disablePromptCache: true,
      debug: false,
      callerOptions: { maxRetries: 0 },
      fetchImplementation: async (input, init) => {
        const body = restoreNumbers(new Uint8Array(await new Response(init?.body ?? null).arrayBuffer()));
        const headers = Object.fromEntries(new Headers(init?.headers));
        delete headers["content-length"];
        const url = new URL(input instanceof Request ? input.url : input);
        this.#answer = await options.transport.post({ url, headers, body }, this.#abort);
        return new Response("{}", { status: 202, headers: { "content-type": "application/json" } });
      },
    });
  }

  async ingest(
    { creates, updates }: RunBatch,
    multipart: boolean,
    abort: AbortSignal,
  ): Promise<HttpAnswer | HttpFailure> {
    this.#answer = undefined;
    this.#abort = abort;
    const runs = {
      runCreates: creates.map((run) => ({ ...run })),
      runUpdates: updates.map((run) => ({ ...run })),
    };
    if (multipart) await this.#client.multipartIngestRuns(runs);
    else await this.#client.batchIngestRuns(runs);
    return this.#answer ?? { failure: "the LangSmith client sent nothing" };
  }
}
