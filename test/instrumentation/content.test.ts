import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CAPTURE_VARIABLE,
  configure,
  traceAgent,
  traceRetrieval,
  traceTool,
} from "../../instrumentation/src/index.js";
import { startTracing, type Tracing } from "./tracing.js";

const SECRET = "DE89 3704 0044 0532 0130 00";

let tracing: Tracing;

beforeEach(() => {
  tracing = startTracing();
});

afterEach(async () => {
  delete process.env[CAPTURE_VARIABLE];
  configure({});
  await tracing.stop();
});

/** Everything of all spans as text: attributes, events, status. */
function everything(): string {
  return JSON.stringify(
    tracing.spans().map(({ name, attributes, events, status }) => ({ name, attributes, events, status })),
  );
}

async function talk(): Promise<void> {
  await traceAgent(
    { name: "a", systemInstructions: SECRET },
    async (text: string) => `you said ${text}`,
  )(SECRET);
  traceTool({ name: "t" }, (text: string) => text)(SECRET);
  traceRetrieval({ dataSourceId: "kb" }, (text: string) => [{ id: 1, score: 1, text }])(SECRET);
}

describe("content capture", () => {
  it.each(["SPAN_ONLY", "span_and_event", "true", "", undefined])("is on with %s", async (value) => {
    if (value !== undefined) process.env[CAPTURE_VARIABLE] = value;
    await talk();
    expect(everything().split(SECRET).length).toBeGreaterThan(5);
  });

  it.each(["NO_CONTENT", "EVENT_ONLY", "false", "flase"])(
    "is off with %s, and nothing leaks",
    async (value) => {
      process.env[CAPTURE_VARIABLE] = value;
      await talk();
      expect(everything()).not.toContain(SECRET);
      expect(tracing.span("execute_tool t").attributes["gen_ai.tool.name"]).toBe("t");
    },
  );

  it("takes the wrapper's own word before the process's, and that before the variable", () => {
    process.env[CAPTURE_VARIABLE] = "false";
    configure({ captureContent: true });
    traceTool({ name: "on" }, () => "x")();
    traceTool({ name: "off", captureContent: false }, () => "x")();
    expect(tracing.span("execute_tool on").attributes["gen_ai.tool.call.result"]).toBe('"x"');
    expect(tracing.span("execute_tool off").attributes["gen_ai.tool.call.result"]).toBeUndefined();
  });
});

describe("the redact callback", () => {
  const mask = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll(SECRET, "[iban]")) as unknown;

  it("sees every content field by name, and what it returns is written", async () => {
    const fields: string[] = [];
    configure({
      redact(value, { attribute }) {
        fields.push(attribute);
        return mask(value);
      },
    });
    await talk();
    expect(everything()).not.toContain(SECRET);
    expect(everything()).toContain("[iban]");
    expect(new Set(fields)).toEqual(
      new Set([
        "gen_ai.system_instructions",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text",
        "gen_ai.retrieval.documents",
      ]),
    );
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error(SECRET);
      },
    ],
    ["returns a promise", async () => "later"],
    ["returns undefined", () => undefined],
  ])("drops the content when it %s: fails closed", async (_name, redact) => {
    configure({ redact });
    await talk();
    expect(everything()).not.toContain(SECRET);
    expect(tracing.spans()).toHaveLength(3);
  });

  it("also sees error messages; stack traces keep only their frames", () => {
    configure({ redact: mask });
    const tool = traceTool({ name: "t" }, () => {
      throw new RangeError(`no account ${SECRET}`);
    });
    expect(() => tool()).toThrow(SECRET);
    expect(everything()).not.toContain(SECRET);
    const span = tracing.span("execute_tool t");
    expect(span.status.message).toBe("no account [iban]");
    expect(span.events[0]?.attributes?.["exception.stacktrace"]).toMatch(/^ +at /);
  });

  it("gets a copy: it can't change the caller's objects", () => {
    const guest = { name: "Ana", iban: SECRET };
    traceTool(
      {
        name: "t",
        redact(value) {
          (value as { iban?: string }).iban = "x";
          return value;
        },
      },
      (value: object) => value,
    )(guest);
    expect(guest.iban).toBe(SECRET);
    expect(everything()).not.toContain(SECRET);
  });
});
