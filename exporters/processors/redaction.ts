import { createContext, Script } from "node:vm";
import {
  errorMessage,
  type AnyValue,
  type InstrumentationScope,
  type KeyValue,
  type Resource,
  type Signal,
  type SignalData,
} from "../../schema/index.js";
import { eachItem, filterItems, type ItemContext, type ItemView } from "./items.js";
import type { Processor, ProcessResult, RedactionProcessorConfig } from "./types.js";

/** Time for one item, milliseconds: a regular expression that backtracks for ever must not stop the destination. */
const ITEM_TIMEOUT_MS = 1_000;
/** Time for a whole request before its items are tried one by one, milliseconds. */
const REQUEST_TIMEOUT_MS = 2_000;

/**
 * Replaces sensitive values in attributes (nested ones too), names, status messages, log bodies, events, links,
 * resources and scopes. Key patterns look at attribute keys, not inside JSON text; value patterns look at all text.
 *
 * Fails closed (I7): an item that can't be redacted, or not in time, is taken out as `redaction_error`.
 */
export function createRedaction(config: RedactionProcessorConfig): Processor {
  const redactor = new Redactor(config);
  return {
    id: config.id,
    process: <S extends Signal>(signal: S, data: SignalData[S]): ProcessResult<S> => {
      try {
        withinTime(REQUEST_TIMEOUT_MS, () => {
          const shared = new Set<object>();
          eachItem(signal, data, (view) => redactor.item(view, shared));
        });
        return { data, filtered: {}, failed: [] };
      } catch {
        return redactOneByOne(signal, data, redactor);
      }
    },
  };
}

/** Finds the items that can't be redacted. Redacting the others a second time changes nothing that matters. */
function redactOneByOne<S extends Signal>(
  signal: S,
  data: SignalData[S],
  redactor: Redactor,
): ProcessResult<S> {
  const failures = new Map<object, string>();
  const contexts = new Map<object, string | undefined>();
  eachItem(signal, data, (view) => {
    const broken = contextFailure(view.context, contexts, redactor);
    const message = broken ?? failureOf(() => redactor.item(view, new Set(partsOf(view.context))));
    if (message !== undefined) failures.set(view.item, message);
  });
  const failed = [...failures].map(([item, message]) => ({
    reason: "redaction_error",
    message,
    data: filterItems(signal, data, (view) => view.item === item),
  }));
  return { data: filterItems(signal, data, ({ item }) => !failures.has(item)), filtered: {}, failed };
}

/** Why the resource or scope can't be redacted; tried once each, since many items share them. */
function contextFailure(
  context: ItemContext,
  known: Map<object, string | undefined>,
  redactor: Redactor,
): string | undefined {
  for (const part of partsOf(context)) {
    if (!known.has(part))
      known.set(
        part,
        failureOf(() => redactor.attributes(part.attributes)),
      );
    const failure = known.get(part);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

function partsOf({ resource, scope }: ItemContext): (Resource | InstrumentationScope)[] {
  return [resource, scope].filter((part) => part !== undefined);
}

function failureOf(action: () => void): string | undefined {
  try {
    withinTime(ITEM_TIMEOUT_MS, action);
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

class Redactor {
  readonly #keys: readonly RegExp[];
  readonly #values: readonly RegExp[];
  readonly #replacement: string;

  constructor(config: RedactionProcessorConfig) {
    this.#keys = config.keyPatterns.map((pattern) => new RegExp(pattern, "iu"));
    this.#values = config.valuePatterns.map((pattern) => new RegExp(pattern, "gu"));
    this.#replacement = config.replacement;
  }

  /** Redacts an item in place, with its resource and scope unless they are in `done` already. */
  item(view: ItemView, done: Set<object>): void {
    for (const part of partsOf(view.context)) {
      if (done.has(part)) continue;
      done.add(part);
      this.attributes(part.attributes);
    }
    this.attributes(view.item.attributes);
    if (view.signal === "traces") {
      const { item } = view;
      item.name = this.#text(item.name);
      if (item.status !== undefined) item.status.message = this.#text(item.status.message);
      for (const event of item.events) {
        event.name = this.#text(event.name);
        this.attributes(event.attributes);
      }
      for (const link of item.links) this.attributes(link.attributes);
    } else if (view.signal === "logs") {
      if (view.item.body !== undefined) this.#value(view.item.body);
    } else {
      for (const exemplar of view.item.exemplars ?? []) this.attributes(exemplar.filteredAttributes);
    }
  }

  /** Redacts attributes in place. */
  attributes(attributes: readonly KeyValue[]): void {
    for (const attribute of attributes) {
      if (this.#keys.some((pattern) => pattern.test(attribute.key))) {
        attribute.value = { stringValue: this.#replacement };
      } else if (attribute.value !== undefined) {
        this.#value(attribute.value);
      }
    }
  }

  #value(value: AnyValue): void {
    if (value.stringValue !== undefined) value.stringValue = this.#text(value.stringValue);
    else if (value.arrayValue !== undefined) for (const each of value.arrayValue.values) this.#value(each);
    else if (value.kvlistValue !== undefined) this.attributes(value.kvlistValue.values);
    else if (value.intValue !== undefined) this.#replaceWhole(value, "intValue", String(value.intValue));
    else if (value.doubleValue !== undefined)
      this.#replaceWhole(value, "doubleValue", String(value.doubleValue));
    else if (value.bytesValue !== undefined) {
      this.#replaceWhole(value, "bytesValue", Buffer.from(value.bytesValue).toString("utf8"));
    }
  }

  /** A number or bytes whose text matches becomes the replaced text: half a number would be no number. */
  #replaceWhole(value: AnyValue, member: "intValue" | "doubleValue" | "bytesValue", text: string): void {
    const replaced = this.#text(text);
    if (replaced === text) return;
    delete value[member];
    value.stringValue = replaced;
  }

  #text(text: string): string {
    let result = text;
    // A function, because "$&" in a replacement text would put the secret back.
    for (const pattern of this.#values) result = result.replace(pattern, () => this.#replacement);
    return result;
  }
}

const sandbox: { run: () => void } = { run: () => undefined };
const context = createContext(sandbox);
const script = new Script("run()");

/** Runs synchronous code and interrupts it, regular expressions included, when the time is over. */
function withinTime(timeoutMs: number, action: () => void): void {
  sandbox.run = action;
  script.runInContext(context, { timeout: timeoutMs });
}
