import { encodeOtlp, type KeyValue, type Span, type SpanEvent } from "../../schema/index.js";

/**
 * Kinds of load: `content` spans carry messages (about 3.4 KB), `lean` ones only a few attributes (220 bytes), and
 * `meta` ones what analysts group by: those of `lean`, and project, cost, conversation and agent.
 */
export type WorkloadKind = "content" | "lean" | "meta";

export interface WorkloadOptions {
  readonly kind: WorkloadKind;
  readonly requests: number;
  readonly spansPerRequest: number;
  /** Same seed, same bytes. */
  readonly seed: number;
}

const SYLLABLES =
  "re com in de pro con ex per sub trans ta ti to ra ri ro la li lo ma mi mo na ni no sa si so va vi vo ble tion ment ing er est ly ness able ous ive al ic ist ure age ance ence ent ant ate ify ize ed ship".split(
    " ",
  );
/** Models of the calls; those that begin with a c are Anthropic's, the others OpenAI's. */
export const MODELS: readonly string[] = [
  "gpt-5.1",
  "gpt-5.1-mini",
  "claude-opus-4-5",
  "claude-sonnet-4-5",
  "gemini-3-pro",
];
const TOOLS = [
  "search_bookings",
  "get_rate_policy",
  "refund_quote",
  "lookup_guest",
  "kb_search",
  "list_rooms",
];
const AGENTS = ["support-agent", "billing-agent", "concierge", "triage", "research-agent"];
/** Twenty projects. */
export const PROJECTS: readonly string[] = Array.from({ length: 20 }, (_, index) => `project-${index}`);
const SERVICES = ["support-api", "billing-api", "concierge-api"];
const START_UNIX_MS = Date.UTC(2026, 10, 23, 6);
const VOCABULARY_WORDS = 4_000;

/** Mulberry32: small, fast, the same everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * Agent traces as export requests, made up from a seed: one agent turn per trace with retrieval, model calls whose
 * chat history grows, tools and guardrails, encoded as OTLP protobuf.
 */
export class Workload {
  readonly #random: () => number;
  readonly #words: readonly string[];
  readonly #systems: readonly string[];
  #nowMs = START_UNIX_MS;

  constructor(readonly options: WorkloadOptions) {
    this.#random = random(options.seed);
    this.#words = Array.from({ length: VOCABULARY_WORDS }, () =>
      Array.from({ length: 1 + this.#below(3) }, () => this.#pick(SYLLABLES)).join(""),
    );
    this.#systems = Array.from({ length: 12 }, () => this.#text(900 + this.#below(900)));
  }

  /** The request bodies. */
  bodies(): Uint8Array[] {
    return Array.from({ length: this.options.requests }, () => this.#body());
  }

  #body(): Uint8Array {
    const spans: Span[] = [];
    while (spans.length < this.options.spansPerRequest) {
      spans.push(...this.#trace());
      this.#nowMs += this.#below(200);
    }
    spans.length = this.options.spansPerRequest;
    if (this.options.kind === "lean") for (const span of spans) slim(span, LEAN_KEYS);
    if (this.options.kind === "meta") for (const span of spans) this.#annotate(span);
    return encodeOtlp("traces", {
      resourceSpans: [
        {
          resource: { attributes: this.#resource(), droppedAttributesCount: 0, entityRefs: [] },
          scopeSpans: [
            {
              scope: { name: "support-agent", version: "0.12.3", attributes: [], droppedAttributesCount: 0 },
              spans,
              schemaUrl: "https://opentelemetry.io/schemas/1.38.0",
            },
          ],
          schemaUrl: "",
        },
      ],
    });
  }

  #trace(): Span[] {
    const turn = new Turn(this.#hex(16), this.#hex(8), BigInt(this.#nowMs) * 1_000_000n);
    const agent = this.#pick(AGENTS);
    const model = this.#pick(MODELS);
    const common = [
      text("gen_ai.conversation.id", `conv_${this.#hex(8)}`),
      text("gen_ai.agent.name", agent),
      text("user.id", `user-${this.#below(5000)}`),
      text("session.id", `sess_${this.#hex(6)}`),
      int("thread.id", this.#below(64)),
      text("app.tenant", `tenant-${this.#below(40)}`),
      text("app.release", `2026.11.${this.#below(20)}`),
      list("app.feature_flags", ["flag_a", "flag_b", "flag_c"].slice(0, 1 + this.#below(3))),
      text("app.region", this.#pick(["eu-west-1", "us-east-1", "ap-south-1"])),
    ];
    const question = this.#text(80 + this.#below(500));
    const history: unknown[] = [{ role: "user", parts: [{ type: "text", content: question }] }];
    const system = JSON.stringify([{ type: "text", content: this.#pick(this.#systems) }]);
    const documents = JSON.stringify(
      Array.from({ length: 2 + this.#below(3) }, () => ({ id: this.#hex(4), text: this.#text(250) })),
    );
    turn.add("retrieval kb-main", 3, 50, [
      text("gen_ai.operation.name", "retrieval"),
      ...common,
      text("gen_ai.data_source.id", "kb-main"),
      text("gen_ai.retrieval.documents", documents),
    ]);
    history.push({ role: "system", parts: [{ type: "text", content: documents }] });
    const steps = 2 + this.#below(3);
    let answer = "";
    for (let step = 0; step < steps; step++) {
      answer = this.#step({ turn, common, model, history, system, last: step === steps - 1 });
    }
    turn.root(`invoke_agent ${agent}`, [
      text("gen_ai.operation.name", "invoke_agent"),
      ...common,
      text("gen_ai.request.model", model),
      int("gen_ai.usage.input_tokens", steps * 3000),
      int("gen_ai.usage.output_tokens", steps * 400),
      text("gen_ai.input.messages", JSON.stringify(history.slice(0, 1))),
      text("gen_ai.output.messages", answer),
    ]);
    return turn.spans;
  }

  #step(state: Step): string {
    const { turn, common, model, history, last } = state;
    const tool = this.#pick(TOOLS);
    const call = `call_${this.#hex(12)}`;
    const args = JSON.stringify({
      guest: this.#text(30),
      amount: this.#below(1e6) / 100,
      note: this.#text(60),
    });
    const part = last
      ? { type: "text", content: this.#text(300 + this.#below(1800)) }
      : { type: "tool_call", id: call, name: tool, arguments: args };
    const finish = last ? "stop" : "tool_calls";
    const output = JSON.stringify([{ role: "assistant", parts: [part], finish_reason: finish }]);
    const input = 800 + this.#below(6000);
    turn.add(`chat ${model}`, 3, 300 + this.#below(4000), [
      text("gen_ai.operation.name", "chat"),
      ...common,
      text("gen_ai.provider.name", model.startsWith("c") ? "anthropic" : "openai"),
      text("gen_ai.request.model", model),
      text("gen_ai.response.model", `${model}-2026-09-01`),
      text("gen_ai.response.id", `resp_${this.#hex(12)}`),
      int("gen_ai.usage.input_tokens", input),
      int("gen_ai.usage.output_tokens", 30 + this.#below(900)),
      int("gen_ai.usage.cache_read.input_tokens", this.#below(input)),
      { key: "gen_ai.request.temperature", value: { doubleValue: this.#below(10) / 10 + 0.05 } },
      int("gen_ai.request.max_tokens", 4096),
      list("gen_ai.response.finish_reasons", [finish]),
      text("gen_ai.system_instructions", state.system),
      text("gen_ai.input.messages", JSON.stringify(history)),
      text("gen_ai.output.messages", output),
    ]);
    if (last) return output;
    const failed = this.#random() < 0.03;
    const result = JSON.stringify({ rooms: this.#text(200 + this.#below(1500)) });
    const span = turn.add(`execute_tool ${tool}`, 1, 5 + this.#below(800), [
      text("gen_ai.operation.name", "execute_tool"),
      ...common,
      text("gen_ai.tool.name", tool),
      text("gen_ai.tool.call.id", call),
      int("http.response.status_code", failed ? 500 : 200),
      ...(failed ? [text("error.type", "TimeoutError")] : []),
      text("gen_ai.tool.call.arguments", args),
      text("gen_ai.tool.call.result", result),
    ]);
    if (failed) fail(span, this.#text(600));
    history.push(
      { role: "assistant", parts: [part] },
      { role: "tool", parts: [{ type: "tool_call_response", id: call, result }] },
    );
    return output;
  }

  #annotate(span: Span): void {
    slim(span, META_KEYS);
    // One project a trace: by its id, so that it does not depend on what was drawn before.
    const project = PROJECTS[Number.parseInt(span.traceId.slice(-4), 16) % PROJECTS.length] ?? "";
    span.attributes.push(text("langsmith.trace.session_name", project));
    if (span.attributes.some(({ key }) => key === "gen_ai.request.model") && span.parentSpanId !== "") {
      span.attributes.push({ key: "gen_ai.usage.cost", value: { doubleValue: this.#below(50_000) / 1e6 } });
    }
  }

  #resource(): KeyValue[] {
    return [
      text("service.name", this.#pick(SERVICES)),
      text("service.version", `4.12.${this.#below(30)}`),
      text("service.instance.id", this.#hex(16)),
      text("deployment.environment.name", this.#random() < 0.9 ? "production" : "staging"),
      text("telemetry.sdk.language", "nodejs"),
      text("telemetry.sdk.name", "opentelemetry"),
      text("telemetry.sdk.version", "2.12.0"),
      text("host.name", `ip-10-0-${this.#below(255)}-${this.#below(255)}`),
    ];
  }

  /** Words with a long-tailed distribution, as in language. */
  #text(length: number): string {
    let out = "";
    while (out.length < length) {
      const word = this.#words[Math.floor(VOCABULARY_WORDS * this.#random() ** 3)] ?? "";
      out += `${out === "" ? "" : " "}${word}${this.#random() < 0.08 ? "." : ""}`;
    }
    return out.slice(0, length);
  }

  #hex(bytes: number): string {
    let out = "";
    for (let i = 0; i < bytes; i++) out += this.#below(256).toString(16).padStart(2, "0");
    return out;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)] as T;
  }
}

interface Step {
  readonly turn: Turn;
  readonly common: readonly KeyValue[];
  readonly model: string;
  readonly history: unknown[];
  readonly system: string;
  readonly last: boolean;
}

/** The spans of one agent turn, one after another below one root. */
class Turn {
  readonly spans: Span[] = [];
  #time: bigint;
  #count = 0;

  constructor(
    readonly traceId: string,
    readonly rootId: string,
    readonly start: bigint,
  ) {
    this.#time = start;
  }

  add(name: string, kind: number, durationMs: number, attributes: KeyValue[]): Span {
    const end = this.#time + BigInt(durationMs) * 1_000_000n;
    this.#count++;
    const id = (BigInt(`0x${this.rootId}`) ^ BigInt(this.#count * 7919)).toString(16).padStart(16, "0");
    const span = makeSpan({
      traceId: this.traceId,
      spanId: id,
      parentSpanId: this.rootId,
      name,
      kind,
      attributes,
    });
    span.startTimeUnixNano = this.#time;
    span.endTimeUnixNano = end;
    this.#time = end;
    this.spans.push(span);
    return span;
  }

  root(name: string, attributes: KeyValue[]): void {
    const span = makeSpan({
      traceId: this.traceId,
      spanId: this.rootId,
      parentSpanId: "",
      name,
      kind: 1,
      attributes,
    });
    span.startTimeUnixNano = this.start;
    span.endTimeUnixNano = this.#time + 1_000_000n;
    this.spans.unshift(span);
  }
}

function makeSpan(
  given: Pick<Span, "traceId" | "spanId" | "parentSpanId" | "name" | "kind" | "attributes">,
): Span {
  return {
    traceState: "",
    flags: 257,
    startTimeUnixNano: 0n,
    endTimeUnixNano: 0n,
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...given,
  };
}

const LEAN_KEYS = new Set([
  "gen_ai.operation.name",
  "gen_ai.request.model",
  "gen_ai.usage.input_tokens",
  "gen_ai.usage.output_tokens",
  "user.id",
  "gen_ai.tool.name",
]);

const META_KEYS = new Set([...LEAN_KEYS, "gen_ai.conversation.id", "gen_ai.agent.name"]);

function slim(span: Span, keys: ReadonlySet<string>): void {
  span.attributes = span.attributes.filter((attribute) => keys.has(attribute.key));
  span.events = [];
}

function fail(span: Span, stack: string): void {
  const event: SpanEvent = {
    timeUnixNano: span.endTimeUnixNano,
    name: "exception",
    attributes: [text("exception.type", "TimeoutError"), text("exception.stacktrace", stack)],
    droppedAttributesCount: 0,
  };
  span.events.push(event);
  span.status = { code: 2, message: "tool timed out after 30s" };
}

function text(key: string, value: string): KeyValue {
  return { key, value: { stringValue: value } };
}

function int(key: string, value: number): KeyValue {
  return { key, value: { intValue: BigInt(value) } };
}

function list(key: string, values: readonly string[]): KeyValue {
  return { key, value: { arrayValue: { values: values.map((value) => ({ stringValue: value })) } } };
}
