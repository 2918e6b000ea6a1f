import type { AnyValue, KeyValue, SpanEvent } from "../otlp/types.js";
import { atPath, type Json, type JsonObject, parsedIfJson, valueToJson } from "./json.js";
import { signatureOf } from "./key-sets.js";
import { unflatten } from "./shapes/unflatten.js";
import type { NamedAttributes, ReadableSpan } from "./types.js";

function namedAttributes(given: ReadableSpan["attributes"]): NamedAttributes {
  if ("keys" in given && !Array.isArray(given)) return given as NamedAttributes;
  const attributes = new Map<string, AnyValue>();
  for (const { key, value } of given as readonly KeyValue[]) {
    if (value !== undefined && !attributes.has(key)) attributes.set(key, value);
  }
  return attributes;
}

/** A span's attributes and events as the rules ask for them. JSON is parsed once however many rules look into it. */
export class SpanView {
  /** By name; the first of equal names counts, as in the mirror. */
  readonly attributes: NamedAttributes;
  readonly #events: readonly SpanEvent[];
  #signature: string | undefined;
  readonly #parsed = new Map<string, Json>();
  readonly #fields = new Map<SpanEvent, JsonObject>();
  readonly #groups = new Map<string, Json | undefined>();

  constructor(input: ReadableSpan) {
    this.attributes = namedAttributes(input.attributes);
    this.#events =
      input.events.length < 2
        ? input.events
        : [...input.events].sort((a, b) =>
            a.timeUnixNano < b.timeUnixNano ? -1 : a.timeUnixNano > b.timeUnixNano ? 1 : 0,
          );
  }

  /** What tells the names of the attributes; undefined when they are too many. */
  get signature(): string | undefined {
    this.#signature ??= this.attributes.signature ?? signatureOf(this.attributes) ?? "";
    return this.#signature === "" ? undefined : this.#signature;
  }

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  /** An attribute's value; strings are not looked into. */
  value(key: string): Json | undefined {
    const value = this.attributes.get(key);
    return value === undefined ? undefined : valueToJson(value);
  }

  /** A member of the JSON in an attribute. */
  member(key: string, path: readonly string[]): Json | undefined {
    let parsed = this.#parsed.get(key);
    if (parsed === undefined) {
      const value = this.value(key);
      if (value === undefined) return undefined;
      parsed = typeof value === "string" ? parsedIfJson(value) : value;
      this.#parsed.set(key, parsed);
    }
    return atPath(parsed, path);
  }

  /** All attributes behind a prefix: their tree, or (`flat`) one object of them. Undefined when there is none. */
  group(prefix: string, flat: boolean): Json | undefined {
    const name = `${prefix}${flat ? "" : "*"}`;
    if (!this.#groups.has(name)) this.#groups.set(name, this.#readGroup(prefix, flat));
    return this.#groups.get(name);
  }

  #readGroup(prefix: string, flat: boolean): Json | undefined {
    const entries: [string, Json][] = [];
    for (const key of this.attributes.keys()) {
      if (key.startsWith(prefix) && key.length > prefix.length) {
        entries.push([key.slice(prefix.length), valueToJson(this.attributes.get(key))]);
      }
    }
    if (entries.length === 0) return undefined;
    if (!flat) return unflatten(entries);
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Events of a name (`*`: all) as `{name, fields}`. Undefined when there is none. */
  events(name: string): Json | undefined {
    const found = this.#events.filter((event) => name === "*" || event.name === name);
    if (found.length === 0) return undefined;
    return found.map((event) => ({ name: event.name, fields: this.#fieldsOf(event) }));
  }

  /** What lies at `path` in the first event of that name that has it; an attribute's own name may have dots. */
  eventMember(name: string, path: readonly string[]): Json | undefined {
    for (const event of this.#events) {
      if (event.name !== name) continue;
      const fields = this.#fieldsOf(event);
      for (let length = path.length; length > 0; length--) {
        const key = path.slice(0, length).join(".");
        if (!Object.hasOwn(fields, key)) continue;
        const value = fields[key] ?? null;
        const held =
          length === path.length
            ? value
            : atPath(typeof value === "string" ? parsedIfJson(value) : value, path.slice(length));
        if (held !== undefined && held !== null) return held;
      }
    }
    return undefined;
  }

  #fieldsOf(event: SpanEvent): JsonObject {
    const known = this.#fields.get(event);
    if (known !== undefined) return known;
    const fields = Object.fromEntries(
      [...event.attributes].reverse().map(({ key, value }) => [key, valueToJson(value)]),
    );
    this.#fields.set(event, fields);
    return fields;
  }
}
