import { context, propagation, trace, type Attributes } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  SimpleSpanProcessor,
  TracerProvider,
  type ReadableSpan,
} from "@opentelemetry/sdk-trace";
import { AsyncContextManager } from "../../instrumentation/src/context-manager.js";

/** A real SDK 2.12 that keeps its spans in memory, set up globally. */
export interface Tracing {
  /** Spans ended so far, in the order they ended. */
  spans(): readonly ReadableSpan[];
  /** The only span with this name. */
  span(name: string): ReadableSpan;
  stop(): Promise<void>;
}

export function startTracing(): Tracing {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncContextManager());
  return {
    spans: () => exporter.getFinishedSpans(),
    span(name) {
      const found = exporter.getFinishedSpans().filter((span) => span.name === name);
      const [only] = found;
      if (only === undefined || found.length > 1) {
        const names = exporter.getFinishedSpans().map((span) => span.name);
        throw new Error(`expected one span "${name}", there are: ${names.join(", ")}`);
      }
      return only;
    },
    async stop() {
      await provider.shutdown();
      trace.disable();
      context.disable();
      propagation.disable();
    },
  };
}

/** A JSON attribute, parsed. */
export function json(span: ReadableSpan, attribute: string): unknown {
  const value = span.attributes[attribute];
  if (typeof value !== "string") throw new Error(`${attribute} is not on the span "${span.name}"`);
  return JSON.parse(value) as unknown;
}

/** Attributes without those that differ from run to run. */
export function steady(span: ReadableSpan): Attributes {
  const {
    ["server.port"]: _port,
    ["gen_ai.response.time_to_first_chunk"]: _first,
    ...rest
  } = span.attributes;
  return rest;
}
