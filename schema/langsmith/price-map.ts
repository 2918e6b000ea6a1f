import { toProvider } from "../genai/providers.js";
import type { JsonObject, JsonValue } from "../records/types.js";
import { runTimeNanos } from "./time.js";

/** Where LangSmith looks for a run's model, unless an entry says otherwise. */
const MATCH_PATH = ["model", "model_name", "model_id", "model_path", "endpoint_name"];
/** LangSmith's names of kinds of tokens that have rates of their own, and ours. */
const PROMPT_KINDS: Readonly<Record<string, string>> = {
  cache_read: "cache_read",
  cache_creation: "cache_write",
  ephemeral_5m_input_tokens: "cache_write",
  ephemeral_1h_input_tokens: "cache_write_1h",
  audio: "audio_input",
  image: "image_input",
};
const COMPLETION_KINDS: Readonly<Record<string, string>> = { audio: "audio_output", image: "image_output" };
/** Names that one pattern may stand for. */
const NAMES_MAX = 200;
const TOKENS_PER_RATE = 1_000_000;

/** An entry of LangSmith's price map as data of a `price`, or which field of it can't be one, and why. */
export type PriceOfEntry =
  | { readonly data: JsonObject }
  | { readonly field: string; readonly problem: string };

/**
 * Reads an entry of LangSmith's model price map. LangSmith finds a model by a regular expression and prices a token; a
 * `price` has names, and prices a million. A pattern that is a list of names is read; of any other it is said.
 */
export function priceOfMapEntry(entry: JsonObject): PriceOfEntry {
  const { name, match_pattern: pattern, provider, start_time: start = null } = entry;
  if (typeof name !== "string" || name.trim() === "") return wrong("name", "is required");
  if (typeof pattern !== "string" || pattern === "") return wrong("match_pattern", "is required");
  const models = modelsOfPattern(pattern);
  if (models === undefined) {
    return wrong("match_pattern", "must be a list of names such as ^(gpt-4o|gpt-4o-mini.*)$");
  }
  const known = typeof provider === "string" ? toProvider(provider) : undefined;
  if (known === undefined) return wrong("provider", "is required: a price here is one of a provider");
  const from = start === null ? undefined : runTimeNanos(start);
  if (start !== null && from === undefined) return wrong("start_time", "must be a time");
  const rates = ratesOf(entry);
  if ("problem" in rates) return rates;
  return {
    data: {
      provider: known,
      models,
      ...(from === undefined ? {} : { from: new Date(Number(from / 1_000_000n)).toISOString().slice(0, 10) }),
      tiers: [{ above_input_tokens: 0, ...rates.data }],
      langsmith: Object.fromEntries(
        ["name", "match_pattern", "match_path", "provider", "start_time"].flatMap((field) =>
          (entry[field] ?? null) === null ? [] : [[field, entry[field] ?? null]],
        ),
      ),
    },
  };
}

/** A price as an entry of LangSmith's price map; a price with several tiers by its first. Costs are decimal text. */
export function mapEntryOfPrice(data: JsonObject): JsonObject {
  const models = (data["models"] ?? []) as readonly string[];
  const [tier = {}] = (data["tiers"] ?? []) as readonly JsonObject[];
  const sent = (data["langsmith"] ?? {}) as JsonObject;
  const details = (kinds: Readonly<Record<string, string>>): JsonObject | null => {
    const seen = new Set<string>();
    const entries = Object.entries(kinds).flatMap(([theirs, ours]): [string, JsonValue][] => {
      const rate = tier[ours];
      if (typeof rate !== "number" || seen.has(ours)) return [];
      seen.add(ours);
      return [[theirs, perToken(rate)]];
    });
    return entries.length === 0 ? null : Object.fromEntries(entries);
  };
  return {
    name: models[0] ?? "",
    match_path: MATCH_PATH,
    match_pattern: patternOfModels(models),
    provider: data["provider"] ?? null,
    start_time: typeof data["from"] === "string" ? `${data["from"]}T00:00:00+00:00` : null,
    ...sent,
    prompt_cost: perToken(tier["input"]),
    completion_cost: perToken(tier["output"]),
    prompt_cost_details: details(PROMPT_KINDS),
    completion_cost_details: details(COMPLETION_KINDS),
  };
}

function wrong(field: string, problem: string): { readonly field: string; readonly problem: string } {
  return { field, problem };
}

function ratesOf(entry: JsonObject): PriceOfEntry {
  const rates: Record<string, number> = {};
  for (const [field, rate] of [
    ["prompt_cost", "input"],
    ["completion_cost", "output"],
  ] as const) {
    const value = perMillion(entry[field]);
    if (value === undefined) return wrong(field, "must be the price of a token in US dollars");
    rates[rate] = value;
  }
  for (const [field, kinds] of [
    ["prompt_cost_details", PROMPT_KINDS],
    ["completion_cost_details", COMPLETION_KINDS],
  ] as const) {
    const details = entry[field] ?? {};
    if (typeof details !== "object" || details === null) return wrong(field, "must be an object");
    for (const [kind, cost] of Object.entries(details as JsonObject)) {
      const rate = kinds[kind];
      const value = perMillion(cost);
      if (value === undefined) return wrong(`${field}.${kind}`, "must be the price of a token in US dollars");
      if (rate !== undefined) rates[rate] = value;
      else if (value !== rates[field === "prompt_cost_details" ? "input" : "output"]) {
        // At the usual price it says nothing new.
        return wrong(`${field}.${kind}`, "is a kind of token that has no rate of its own here");
      }
    }
  }
  return { data: rates };
}

/** Dollars for a million tokens of a price for one; a float's noise in the last digits goes. */
function perMillion(cost: JsonValue | undefined): number | undefined {
  const value = typeof cost === "string" && cost.trim() !== "" ? Number(cost) : cost;
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) return undefined;
  return Number((value * TOKENS_PER_RATE).toPrecision(12));
}

function perToken(rate: JsonValue | undefined): string {
  const text = (Number(rate ?? 0) / TOKENS_PER_RATE).toFixed(18);
  // 18 digits are more than a double has: round to what was meant.
  const rounded = Number(Number(text).toPrecision(12)).toFixed(18);
  return rounded.replace(/\.?0+$/, "") || "0";
}

function patternOfModels(models: readonly string[]): string {
  const each = models.map((model) => {
    const stem = model.endsWith("*") ? model.slice(0, -1) : model;
    return stem.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&") + (model.endsWith("*") ? ".*" : "");
  });
  return `^(?:${each.join("|")})$`;
}

/**
 * The names that a regular expression stands for, when it is no more than a list of them: letters, groups, `|`, `?` after
 * a group or letter, and `.*` at the end. Undefined for anything else.
 */
export function modelsOfPattern(pattern: string): string[] | undefined {
  const text = pattern.replace(/^\^/, "").replace(/(?<!\\)\$$/, "");
  const parser = new NameList(text);
  const names = parser.alternatives();
  if (names === undefined || !parser.isAtEnd) return undefined;
  const unique = [...new Set(names)];
  // An open end is only one when nothing follows it.
  const isName = (name: string): boolean => name !== "" && name !== OPEN && !name.slice(0, -1).includes(OPEN);
  return unique.every(isName) ? unique.map((name) => name.replace(OPEN, "*")) : undefined;
}

/** Stands for `.*` while names are put together; no model has it in its name. */
const OPEN = "\u0000";

/** Reads what a simple regular expression matches, all of it. */
class NameList {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#text.length;
  }

  alternatives(): string[] | undefined {
    const all: string[] = [];
    for (;;) {
      const names = this.#sequence();
      if (names === undefined || all.length + names.length > NAMES_MAX) return undefined;
      all.push(...names);
      if (this.#text[this.#at] !== "|") return all;
      this.#at += 1;
    }
  }

  #sequence(): string[] | undefined {
    let names = [""];
    while (!this.isAtEnd && this.#text[this.#at] !== "|" && this.#text[this.#at] !== ")") {
      const next = this.#piece();
      if (next === undefined || names.length * next.length > NAMES_MAX) return undefined;
      names = names.flatMap((name) => next.map((each) => name + each));
    }
    return names;
  }

  /** A letter, an escape, a group or `.*`, each perhaps with a `?` behind it. */
  #piece(): string[] | undefined {
    const rest = this.#text.slice(this.#at);
    let names: string[] | undefined;
    if (rest.startsWith(".*")) {
      this.#at += 2;
      return [OPEN];
    }
    const [literal] = /^(?:[\w/:@ -]|\\[^\w\s])/.exec(rest) ?? [];
    if (literal !== undefined) {
      this.#at += literal.length;
      names = [literal.at(-1) ?? ""];
    } else if (rest.startsWith("(")) {
      this.#at += rest.startsWith("(?:") ? 3 : 1;
      names = this.alternatives();
      if (this.#text[this.#at] !== ")") return undefined;
      this.#at += 1;
    }
    if (names === undefined || this.#text[this.#at] !== "?") return names;
    this.#at += 1;
    return ["", ...names];
  }
}
