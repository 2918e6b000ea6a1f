import type { AnyValue, Resource } from "../otlp/types.js";
import { DIALECTS } from "./dialects/index.js";
import type { ReadableSpan } from "./types.js";
import { attributesOfRule } from "./sources.js";
import { ByNames } from "./key-sets.js";
import type { SpanView } from "./span-view.js";

/** Patterns (`name` or `prefix*`) and the dialects that each stands for. */
class PatternTable {
  readonly #exact = new Map<string, number[]>();
  /** Prefixes by their first character. */
  readonly #prefixes = new Map<number, { readonly prefix: string; readonly dialects: number[] }[]>();

  add(pattern: string, dialect: number): void {
    if (!pattern.endsWith("*")) {
      this.#exact.set(pattern, [...(this.#exact.get(pattern) ?? []), dialect]);
      return;
    }
    const prefix = pattern.slice(0, -1);
    const first = prefix.charCodeAt(0);
    const list = this.#prefixes.get(first) ?? [];
    this.#prefixes.set(first, list);
    const same = list.find((item) => item.prefix === prefix);
    if (same === undefined) list.push({ prefix, dialects: [dialect] });
    else same.dialects.push(dialect);
  }

  find(name: string, found: Set<number>): void {
    for (const dialect of this.#exact.get(name) ?? []) found.add(dialect);
    for (const { prefix, dialects } of this.#prefixes.get(name.charCodeAt(0)) ?? []) {
      if (name.startsWith(prefix)) for (const dialect of dialects) found.add(dialect);
    }
  }

  has(name: string): boolean {
    return (
      this.#exact.has(name) ||
      (this.#prefixes.get(name.charCodeAt(0)) ?? []).some(({ prefix }) => name.startsWith(prefix))
    );
  }
}

type ValueTable = Map<string, Map<string, number[]>>;

const scopes = new PatternTable();
const attributes = new PatternTable();
const events = new PatternTable();
const values: ValueTable = new Map();
const resources: ValueTable = new Map();
const sources = new PatternTable();

for (const [index, { detect, columns }] of DIALECTS.entries()) {
  for (const pattern of detect.scopes ?? []) scopes.add(pattern, index);
  for (const pattern of detect.attributes ?? []) attributes.add(pattern, index);
  for (const pattern of detect.events ?? []) events.add(pattern, index);
  addValues(values, detect.values ?? {}, index);
  addValues(resources, detect.resource ?? {}, index);
  for (const rule of Object.values(columns).flat()) {
    for (const from of attributesOfRule(rule)) if (!from.startsWith("@")) sources.add(from, index);
  }
}

function addValues(
  table: ValueTable,
  wanted: Readonly<Record<string, readonly string[]>>,
  dialect: number,
): void {
  for (const [key, list] of Object.entries(wanted)) {
    const byValue = table.get(key) ?? new Map<string, number[]>();
    table.set(key, byValue);
    for (const value of list) byValue.set(value, [...(byValue.get(value) ?? []), dialect]);
  }
}

function findValues(
  table: ValueTable,
  read: (key: string) => AnyValue | undefined,
  found: Set<number>,
): void {
  for (const [key, byValue] of table) {
    const text = read(key)?.stringValue;
    for (const dialect of (text === undefined ? undefined : byValue.get(text)) ?? []) found.add(dialect);
  }
}

const GENERIC = DIALECTS.findIndex(({ name }) => name === "generic");

/** The dialects that a span speaks, as indexes into DIALECTS in rising order; `generic` always belongs to them. */
export function detectDialects(input: ReadableSpan, view: SpanView): number[] {
  const found = new Set<number>([GENERIC]);
  if (input.scope !== undefined) scopes.find(input.scope.name, found);
  for (const dialect of dialectsOfNames(view)) found.add(dialect);
  for (const event of input.events) events.find(event.name, found);
  findValues(values, (key) => view.attributes.get(key), found);
  findValues(
    resources,
    (key) => input.resource?.attributes.find((attribute) => attribute.key === key)?.value,
    found,
  );
  return [...found].sort((a, b) => a - b);
}

const byNames = new ByNames<ReadonlySet<number>>();

/** The dialects that the names of the attributes alone tell. */
function dialectsOfNames(view: SpanView): ReadonlySet<number> {
  return byNames.get(view.signature, () => {
    const found = new Set<number>();
    for (const name of view.attributes.keys()) attributes.find(name, found);
    return found;
  });
}

/** Values of resource attributes that tell a dialect: a resource whose bytes have none of these texts tells none. */
export const TELLING_RESOURCE_VALUES: readonly string[] = [
  ...new Set([...resources.values()].flatMap((byValue) => [...byValue.keys()])),
];

/** Names of the dialects that a scope's name alone tells, and those that its resource's attributes tell. */
export function dialectsOfScope(scopeName: string, resource: Resource | undefined): string[] {
  const found = new Set<number>();
  scopes.find(scopeName, found);
  findValues(
    resources,
    (key) => resource?.attributes.find((attribute) => attribute.key === key)?.value,
    found,
  );
  return [...found].map((index) => DIALECTS[index]?.name ?? "");
}

/** Whether some rule of some dialect reads an attribute of this name. */
export function isMapped(name: string): boolean {
  return sources.has(name);
}
