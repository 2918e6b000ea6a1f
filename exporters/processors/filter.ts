import {
  anyValueToText,
  type KeyValue,
  type Signal,
  type SignalData,
  type Span,
} from "../../schema/index.js";
import { eachItem, filterItems, type ItemView } from "./items.js";
import type { FilterProcessorConfig, FilterRule, Processor, ProcessResult, ValueMatch } from "./types.js";

/** Traces whose needed ancestors are remembered from batch to batch, and ids remembered for each. */
const TRACES_REMEMBERED = 10_000;
const ANCESTORS_REMEMBERED = 1_000;

/** opentelemetry-proto `Span.SpanKind`. */
const KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"];

type Test = (view: ItemView) => boolean;

/** Drops items that match a rule, counted by rule; see {@link FilterProcessorConfig}. */
export function createFilter(config: FilterProcessorConfig): Processor {
  const rules = config.rules.map((rule) => ({ name: `${config.id}/${rule.name}`, test: compileRule(rule) }));
  const ancestors = new NeededAncestors();
  return {
    id: config.id,
    process: <S extends Signal>(signal: S, data: SignalData[S]): ProcessResult<S> => {
      const dropped = new Map<object, string>();
      eachItem(signal, data, (view) => {
        const rule = rules.find(({ test }) => test(view));
        if (rule !== undefined) dropped.set(view.item, rule.name);
      });
      if (signal === "traces" && config.keepAncestors) ancestors.spare(spansOf(signal, data), dropped);
      if (dropped.size === 0) return { data, filtered: {}, failed: [] };
      const filtered: Record<string, number> = {};
      for (const rule of dropped.values()) filtered[rule] = (filtered[rule] ?? 0) + 1;
      return { data: filterItems(signal, data, ({ item }) => !dropped.has(item)), filtered, failed: [] };
    },
  };
}

/**
 * Spans that a kept span needs above it, or a tree at the destination would fall apart. Children usually end, and come,
 * before their parents: what a kept span still needs is remembered until it comes.
 */
class NeededAncestors {
  readonly #traces = new Map<string, Set<string>>();

  /** Takes ancestors of kept spans out of `dropped`. */
  spare(spans: readonly Span[], dropped: Map<object, string>): void {
    const byId = new Map<string, Span[]>();
    for (const span of spans) {
      const id = span.traceId + span.spanId;
      byId.set(id, [...(byId.get(id) ?? []), span]);
    }
    const open = spans.filter((span) => {
      if (!dropped.has(span)) return true;
      return this.#traces.get(span.traceId)?.has(span.spanId) === true && dropped.delete(span);
    });
    for (let span = open.pop(); span !== undefined; span = open.pop()) {
      if (span.parentSpanId === "") continue;
      const parents = byId.get(span.traceId + span.parentSpanId);
      if (parents === undefined) this.#remember(span.traceId, span.parentSpanId);
      else for (const parent of parents) if (dropped.delete(parent)) open.push(parent);
    }
  }

  #remember(traceId: string, spanId: string): void {
    const ids = this.#traces.get(traceId) ?? new Set<string>();
    if (ids.size < ANCESTORS_REMEMBERED) ids.add(spanId);
    this.#traces.delete(traceId);
    this.#traces.set(traceId, ids);
    if (this.#traces.size <= TRACES_REMEMBERED) return;
    for (const oldest of this.#traces.keys()) {
      this.#traces.delete(oldest);
      break;
    }
  }
}

function spansOf<S extends Signal>(signal: S, data: SignalData[S]): Span[] {
  const spans: Span[] = [];
  eachItem(signal, data, (view) => {
    if (view.signal === "traces") spans.push(view.item);
  });
  return spans;
}

function compileRule(rule: FilterRule): Test {
  const tests: Test[] = [];
  const { signals, itemName, kinds } = rule;
  if (signals !== undefined) tests.push(({ signal }) => signals.includes(signal));
  if (itemName !== undefined) {
    const matches = compileMatch(itemName);
    tests.push((view) => matches(nameOf(view)));
  }
  if (kinds !== undefined) {
    tests.push((view) => view.signal === "traces" && kinds.includes(KINDS[view.item.kind] ?? ""));
  }
  for (const [key, match] of Object.entries(rule.attributes ?? {})) {
    const matches = compileMatch(match);
    tests.push(({ item }) => matches(textOf(item.attributes, key)));
  }
  for (const [key, match] of Object.entries(rule.resource ?? {})) {
    const matches = compileMatch(match);
    tests.push(({ context }) => matches(textOf(context.resource?.attributes ?? [], key)));
  }
  // A rule without a condition would drop everything; the configuration refuses it, and so does this.
  return (view) => tests.length > 0 && tests.every((test) => test(view));
}

function nameOf(view: ItemView): string {
  if (view.signal === "traces") return view.item.name;
  if (view.signal === "metrics") return view.metric.name;
  return view.item.eventName || (textOf(view.item.attributes, "event.name") ?? "");
}

function textOf(attributes: readonly KeyValue[], key: string): string | undefined {
  const found = attributes.find((attribute) => attribute.key === key);
  return found === undefined ? undefined : anyValueToText(found.value ?? {});
}

function compileMatch(match: ValueMatch): (text: string | undefined) => boolean {
  const pattern = match.matches === undefined ? undefined : new RegExp(match.matches, "u");
  return (text) => {
    if (match.exists !== undefined && match.exists !== (text !== undefined)) return false;
    if (match.equals !== undefined && match.equals !== text) return false;
    return pattern === undefined || (text !== undefined && pattern.test(text));
  };
}
