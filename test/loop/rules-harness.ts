import { expect } from "vitest";
import { createMirrorReader, type MirrorReader, type ReaderRow } from "../../store/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";

/** A server, and what tests of rules ask of it. */
export interface RulesHarness {
  api: RunningApi;
  /** Spans that were sent: the id of each is made of its number. */
  spans: number;
  readonly call: (method: string, path: string, body?: unknown) => Promise<Answer>;
  readonly apply: (rules: readonly unknown[], more?: object) => Promise<Answer>;
  /** Resolves when the rules are through with everything that was sent. */
  readonly rulesAreThrough: () => Promise<void>;
  /** One process answers all of them. */
  readonly sql: (text: string) => Promise<readonly ReaderRow[]>;
  readonly stop: () => Promise<void>;
  /** Sends one ended root span with inputs and outputs, and gives its trace id. */
  readonly sendRun: (more?: RunDraft) => Promise<string>;
}

/** An answer of the server. */
export interface Answer {
  readonly status: number;
  // Tests look into whatever came.
  readonly body: never;
}

/** What is special about a run. */
export interface RunDraft {
  readonly name?: string;
  readonly trace?: string;
  readonly open?: boolean;
  readonly parent?: string;
  /** Conversation that it is a turn of. */
  readonly thread?: string;
  /** Nanoseconds since 1970; "0" for none. */
  readonly start?: string;
  readonly inputs?: unknown;
  readonly outputs?: unknown;
}

/** An action that needs no correction. */
export const TO_DATASET = { type: "add_to_dataset", dataset: "golden", outputs: "output" };

/** Starts the server. */
export async function startRulesHarness(): Promise<RulesHarness> {
  const api = await runApi();
  const reader: MirrorReader = createMirrorReader({ dataDir: api.dataDir });
  const harness: RulesHarness = {
    api,
    spans: 0,
    async call(method, path, body) {
      const answer = await fetch(harness.api.url + path, {
        method,
        ...(body === undefined
          ? {}
          : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return { status: answer.status, body: (text === "" ? {} : JSON.parse(text)) as never };
    },
    apply: (rules, more = {}) => harness.call("POST", "/api/v1/rules/apply", { rules, ...more }),
    async rulesAreThrough() {
      const { status, body } = await harness.call("POST", "/api/v1/rules/wait", { deadline_ms: 60_000 });
      expect([status, JSON.stringify(body)]).toEqual([200, expect.anything()]);
    },
    sql: (text) => reader.query(text),
    async stop() {
      await reader.close();
      await harness.api.stop();
    },
    async sendRun(more = {}) {
      harness.spans += 1;
      const number = harness.spans;
      const traceId = more.trace ?? number.toString(16).padStart(32, "a");
      const attribute = (key: string, value: unknown) => ({
        key,
        value: { stringValue: JSON.stringify(value) },
      });
      const span = {
        traceId,
        spanId: number.toString(16).padStart(16, "b"),
        ...(more.parent === undefined ? {} : { parentSpanId: more.parent }),
        name: more.name ?? "agent",
        startTimeUnixNano: more.start ?? "1795413600000000000",
        ...(more.open === true ? {} : { endTimeUnixNano: "1795413601000000000" }),
        attributes: [
          ...(more.thread === undefined
            ? []
            : [{ key: "gen_ai.conversation.id", value: { stringValue: more.thread } }]),
          attribute("gen_ai.prompt", more.inputs ?? { q: `question ${number}` }),
          attribute("gen_ai.completion", more.outputs ?? { a: `answer ${number}`, sure: true }),
        ],
      };
      const body = { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
      expect(await harness.call("POST", "/v1/traces", body)).toMatchObject({ status: 200 });
      return traceId;
    },
  };
  return harness;
}
