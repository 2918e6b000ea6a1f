import {
  TRACE_BUFFER_SPANS_MAX,
  type ResourceSpans,
  type ScopeSpans,
  type JournalSignal,
  type TracesData,
} from "../../schema/index.js";
import type { BatchOptions } from "../core/batcher.js";
import {
  createBatch,
  type ExportBatch,
  type ExportPart,
  type Gatherer,
  type Hurry,
} from "../core/exporter.js";
import { partData } from "../core/payload.js";
import type { TraceTree } from "./trace-tree.js";
import type { LangSmithExporterConfig } from "./types.js";

const TRACE_WAIT_MS = 10_000;
const ORPHAN_WAIT_MS = 60_000;
/** Runs in one request: the `size_limit` that LangSmith's /info states. */
const RUNS_MAX = 100;

interface HeldTrace {
  readonly parts: ExportPart[];
  readonly since: number;
  lastAt: number;
  spans: number;
  bytes: number;
}

/** When a held trace goes. Milliseconds. */
export interface TraceGathererOptions {
  readonly traceWaitMs: number;
  readonly orphanWaitMs: number;
  readonly spansMax: number;
  readonly itemsMax: number;
  readonly bytesMax: number;
}

/** A gatherer for the native mode with the settings of a destination. */
export function createTraceGatherer(
  config: LangSmithExporterConfig,
  batch: Pick<BatchOptions, "itemsMax" | "bytesMax">,
  tree: TraceTree,
): TraceGatherer {
  return new TraceGatherer(tree, {
    traceWaitMs: config.traceWaitMs ?? TRACE_WAIT_MS,
    orphanWaitMs: config.orphanWaitMs ?? ORPHAN_WAIT_MS,
    spansMax: TRACE_BUFFER_SPANS_MAX,
    itemsMax: Math.min(batch.itemsMax, RUNS_MAX),
    bytesMax: batch.bytesMax,
  });
}

/**
 * Holds spans by trace until the root has come and the trace was quiet for a while, because a run's order needs its
 * ancestors. Spans without a root go after a longer wait; when too many are held, the oldest traces go first.
 */
export class TraceGatherer implements Gatherer {
  readonly #tree: TraceTree;
  readonly #options: TraceGathererOptions;
  readonly #held = new Map<string, HeldTrace>();
  #spans = 0;
  #bytes = 0;
  /** No held trace is ready before this: most turns look at none of them. */
  #due = Number.POSITIVE_INFINITY;

  constructor(tree: TraceTree, options: TraceGathererOptions) {
    this.#tree = tree;
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(_signal: JournalSignal, part: ExportPart, now: number): void {
    const data = partData("traces", part);
    this.#due = Math.min(this.#due, now + this.#options.traceWaitMs);
    for (const [traceId, { data: own, count }] of divideByTrace(data, this.#tree)) {
      const held = this.#held.get(traceId) ?? { parts: [], since: now, lastAt: now, spans: 0, bytes: 0 };
      const bytes = Math.ceil((part.bytes * count) / part.itemCount);
      held.parts.push({ entry: part.entry, itemCount: count, bytes, body: { kind: "data", data: own } });
      held.lastAt = now;
      held.spans += count;
      held.bytes += bytes;
      this.#held.set(traceId, held);
      this.#spans += count;
      this.#bytes += bytes;
    }
  }

  take(now: number, hurry?: Hurry): ExportBatch[] {
    if (hurry === undefined && now < this.#due && this.#spans <= this.#options.spansMax) return [];
    const ready: ExportPart[] = [];
    let due = Number.POSITIVE_INFINITY;
    const release = (traceId: string, held: HeldTrace): void => {
      this.#held.delete(traceId);
      this.#spans -= held.spans;
      this.#bytes -= held.bytes;
      ready.push(...held.parts);
    };
    for (const [traceId, held] of this.#held) {
      const readyAt = this.#readyAt(traceId, held);
      const hurried = hurry === "all" || (hurry === "whole" && this.#tree.hasRoot(traceId));
      if (hurried || now >= readyAt) release(traceId, held);
      else due = Math.min(due, readyAt);
    }
    this.#due = due;
    for (const [traceId, held] of this.#held) {
      if (this.#spans <= this.#options.spansMax) break;
      release(traceId, held);
    }
    return this.#pack(ready);
  }

  dueAt(): number | undefined {
    return this.#held.size === 0 ? undefined : this.#due;
  }

  #readyAt(traceId: string, held: HeldTrace): number {
    const { traceWaitMs, orphanWaitMs } = this.#options;
    if (this.#tree.hasRoot(traceId)) return held.lastAt + traceWaitMs;
    return Math.max(held.lastAt + traceWaitMs, held.since + orphanWaitMs);
  }

  #pack(parts: readonly ExportPart[]): ExportBatch[] {
    const { itemsMax, bytesMax } = this.#options;
    const batches: ExportBatch[] = [];
    let open: ExportPart[] = [];
    let items = 0;
    let bytes = 0;
    for (const part of parts) {
      if (open.length > 0 && (items + part.itemCount > itemsMax || bytes + part.bytes > bytesMax)) {
        batches.push(createBatch("traces", open));
        open = [];
        items = 0;
        bytes = 0;
      }
      open.push(part);
      items += part.itemCount;
      bytes += part.bytes;
    }
    if (open.length > 0) batches.push(createBatch("traces", open));
    return batches;
  }
}

/** One request's spans by trace, with their resources and scopes; each span is learned on the way. */
function divideByTrace(data: TracesData, tree: TraceTree): Map<string, { data: TracesData; count: number }> {
  const traces = new Map<string, { data: TracesData; count: number }>();
  for (const resource of data.resourceSpans) {
    const resources = new Map<string, ResourceSpans>();
    for (const scope of resource.scopeSpans) {
      const scopes = new Map<string, ScopeSpans>();
      for (const span of scope.spans) {
        tree.learn(span);
        const trace = traces.get(span.traceId) ?? { data: { resourceSpans: [] }, count: 0 };
        traces.set(span.traceId, trace);
        let ownResource = resources.get(span.traceId);
        if (ownResource === undefined) {
          ownResource = { ...resource, scopeSpans: [] };
          resources.set(span.traceId, ownResource);
          trace.data.resourceSpans.push(ownResource);
        }
        let ownScope = scopes.get(span.traceId);
        if (ownScope === undefined) {
          ownScope = { ...scope, spans: [] };
          scopes.set(span.traceId, ownScope);
          ownResource.scopeSpans.push(ownScope);
        }
        ownScope.spans.push(span);
        trace.count += 1;
      }
    }
  }
  return traces;
}
