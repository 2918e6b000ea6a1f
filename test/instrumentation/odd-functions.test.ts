import { Readable } from "node:stream";
import vm from "node:vm";
import { SpanStatusCode } from "@opentelemetry/api";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { traceAgent, traceTool } from "../../instrumentation/src/index.js";
import { json, startTracing, type Tracing } from "./tracing.js";

let tracing: Tracing;

beforeEach(() => {
  tracing = startTracing();
});

afterEach(() => tracing.stop());

/** An object that throws when it is asked for certain keys, or whether it has them. */
function refusing(refuses: (key: PropertyKey) => boolean): object {
  const check = (key: PropertyKey): void => {
    if (refuses(key)) throw new Error("refused");
  };
  return new Proxy(
    {},
    {
      has(_, key) {
        check(key);
        return false;
      },
      get(_, key) {
        check(key);
      },
    },
  );
}

/** Wraps `fn` as the tool `t`. */
function tool<F extends (...args: never[]) => unknown>(fn: F): F {
  return traceTool({ name: "t" }, fn);
}

describe("results that bite when they are looked at reach the caller untouched, and the span ends", () => {
  const throwingNext = {
    [Symbol.iterator]: () => [][Symbol.iterator](),
    get next(): never {
      throw new Error("next can't be read");
    },
  };

  it.each<[string, object]>([
    ["a proxy whose `then` throws", refusing((key) => key === "then")],
    ["a proxy that refuses everything", refusing(() => true)],
    ["an iterable whose `next` throws", throwingNext],
  ])("%s", (_, result) => {
    expect(tool(() => result)() === result).toBe(true);
    expect(tracing.spans()).toHaveLength(1);
  });

  it("a promise of one", async () => {
    const value = { box: throwingNext };
    const result = await tool(async () => Promise.resolve(value))();
    expect(result).toBe(value);
    const promised = (async () => Promise.resolve(throwingNext))();
    expect(await tool(() => promised)()).toBe(throwingNext);
    expect(tracing.spans()).toHaveLength(2);
  });

  it("a stream whose `controller` throws", async () => {
    class Stream {
      get controller(): never {
        throw new Error("no controller");
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<string> {
        yield await Promise.resolve("word");
      }
    }
    const seen: string[] = [];
    for await (const word of tool(() => new Stream())()) seen.push(word);
    expect(seen).toEqual(["word"]);
    expect(tracing.spans()).toHaveLength(1);
  });
});

describe("errors that bite when they are looked at are thrown as they are", () => {
  const noConstructor = Object.assign(new Error("bare"), { constructor: undefined });
  const getter = Object.defineProperty(new Error("status"), "status", {
    get() {
      throw new Error("no status");
    },
  });
  const noPrototype: unknown = Object.create(null);

  it.each<[string, unknown]>([
    ["an error without constructor", noConstructor],
    ["an error whose `status` throws", getter],
    ["an object without prototype", noPrototype],
    ["a symbol", Symbol("s")],
    ["undefined", undefined],
    ["a revoked proxy", revoked()],
  ])("%s", async (_, error) => {
    const sync = tool(() => {
      throw error;
    });
    let caught: unknown = "nothing";
    try {
      sync();
    } catch (thrown) {
      caught = thrown;
    }
    expect(caught === error).toBe(true);
    const rejected = await tool(async () => {
      await Promise.resolve();
      throw error;
    })().then(
      () => "nothing",
      (thrown: unknown) => thrown === error,
    );
    expect(rejected).toBe(true);
    expect(tracing.spans().map((span) => span.status.code)).toEqual([
      SpanStatusCode.ERROR,
      SpanStatusCode.ERROR,
    ]);
  });
});

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable(new Error("gone"), {});
  revoke();
  return proxy;
}

describe("what a function has besides its call", () => {
  it("own properties stay, as the type promises", () => {
    const described = Object.assign((city: string) => `sun in ${city}`, {
      description: "weather",
      schema: { type: "object" },
    });
    const wrapped = tool(described);
    expect(wrapped("Riga")).toBe("sun in Riga");
    expect(wrapped.description).toBe("weather");
    expect(wrapped.schema).toBe(described.schema);
    expect(wrapped.name).toBe(described.name);
    expect(wrapped).toHaveLength(1);
  });

  it("methods keep `this` and its private fields; getters stay the object's own business", () => {
    class Counter {
      #count = 0;
      up = tool(function (this: Counter, by: number): number {
        this.#count += by;
        return this.#count;
      });
      get count(): number {
        return this.#count;
      }
    }
    const counter = new Counter();
    expect(counter.up(2)).toBe(2);
    expect(counter.up(3)).toBe(5);
    expect(counter.count).toBe(5);
    expect(tracing.spans()).toHaveLength(2);
  });

  it("a promise that is shared by several calls gives every caller its value and every call its span", async () => {
    const shared = Promise.resolve("once");
    const wrapped = tool(() => shared);
    expect(await Promise.all([wrapped(), wrapped(), wrapped()])).toEqual(["once", "once", "once"]);
    expect(tracing.spans()).toHaveLength(3);
  });

  it("a promise of another realm is a promise", async () => {
    const foreign = vm.runInNewContext("(async () => 'from afar')()") as Promise<string>;
    expect(await tool(() => foreign)()).toBe("from afar");
    expect(json(tracing.span("execute_tool t"), "gen_ai.tool.call.result")).toBe("from afar");
  });

  it("an iterator whose steps are promises of another realm is watched to its end", async () => {
    const stream = vm.runInNewContext(
      "(async function* () { yield 'a'; yield 'b' })()",
    ) as AsyncGenerator<string>;
    const seen: string[] = [];
    for await (const word of traceAgent({ name: "a" }, () => stream)()) seen.push(word);
    expect(seen).toEqual(["a", "b"]);
    expect(json(tracing.span("invoke_agent a"), "gen_ai.output.messages")).toEqual([
      { role: "assistant", parts: [{ type: "text", content: "ab" }] },
    ]);
  });
});

describe("streams that are cancelled or fail", () => {
  it("a web stream that is cancelled without a reader ends its span as incomplete", async () => {
    const web = new ReadableStream<string>({
      start(controller) {
        controller.enqueue("a");
      },
    });
    await tool(() => web)().cancel();
    expect(tracing.span("execute_tool t").attributes["counterfoil.stream.incomplete"]).toBe(true);
  });

  it("a Node stream that fails while it is piped or flows ends its span with the error", async () => {
    const failure = new TypeError("the source broke");
    const source = new Readable({
      read() {
        this.destroy(failure);
      },
    });
    const closed = new Promise((resolve) => source.once("close", resolve));
    const stream = tool(() => source)();
    stream.on("error", () => undefined);
    stream.resume();
    await closed;
    const span = tracing.span("execute_tool t");
    expect(span.status.code).toBe(SpanStatusCode.ERROR);
    expect(span.attributes["error.type"]).toBe("TypeError");
  });

  it("a Node stream that is destroyed before its end is incomplete", async () => {
    const source = Readable.from(["a", "b"]);
    const closed = new Promise((resolve) => source.once("close", resolve));
    tool(() => source)().destroy();
    await closed;
    expect(tracing.span("execute_tool t").attributes["counterfoil.stream.incomplete"]).toBe(true);
  });

  it("a Node stream that flows to its end is neither", async () => {
    const source = Readable.from(["a", "b"]);
    const closed = new Promise((resolve) => source.once("close", resolve));
    tool(() => source)().resume();
    await closed;
    const { attributes, status } = tracing.span("execute_tool t");
    expect(attributes["counterfoil.stream.incomplete"]).toBeUndefined();
    expect(status.code).toBe(SpanStatusCode.UNSET);
  });
});
