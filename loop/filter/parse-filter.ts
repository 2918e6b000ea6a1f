import { CounterfoilError } from "../../schema/index.js";

/** A literal of the filter language. */
export type FilterValue = string | number | boolean | null;

/** A parsed filter: a call, a field's name, a literal, or a list of literals. */
export type FilterNode =
  | { readonly kind: "call"; readonly name: string; readonly args: readonly FilterNode[] }
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "value"; readonly value: FilterValue }
  | { readonly kind: "list"; readonly values: readonly FilterValue[] };

/** Characters of a filter, and nesting of its calls. */
const FILTER_CHARS_MAX = 20_000;
const FILTER_DEPTH_MAX = 50;

const TOKEN =
  /\s*(?:(?<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?<word>[A-Za-z_][\w.]*)|(?<mark>[(),[\]]))/y;

interface Token {
  readonly kind: "text" | "number" | "word" | "mark" | "end";
  readonly text: string;
  readonly at: number;
}

/** Reads a filter such as `and(eq(name, "x"), gt(latency, "5s"))`. Throws CF_USAGE, which says where it went wrong. */
export function parseFilter(source: string): FilterNode {
  if (source.length > FILTER_CHARS_MAX) throw wrong(`is longer than ${FILTER_CHARS_MAX} characters`, 0);
  const parser = new Parser(source);
  const node = parser.call(0);
  parser.expect("end", "");
  return node;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string) {
    this.#tokens = tokensOf(source);
  }

  call(depth: number): FilterNode {
    if (depth > FILTER_DEPTH_MAX)
      throw wrong(`is nested deeper than ${FILTER_DEPTH_MAX} calls`, this.#next().at);
    const name = this.expect("word", "");
    this.expect("mark", "(");
    const args: FilterNode[] = [];
    while (!this.#take(")")) {
      if (args.length > 0) this.expect("mark", ",");
      args.push(this.#argument(depth + 1));
    }
    return { kind: "call", name: name.toLowerCase(), args };
  }

  expect(kind: Token["kind"], text: string): string {
    const token = this.#next();
    if (token.kind !== kind || (text !== "" && token.text !== text)) {
      const wanted =
        text === "" ? { word: "a function or field", end: "its end" }[kind as "word" | "end"] : `"${text}"`;
      throw wrong(
        `needs ${wanted} instead of ${token.kind === "end" ? "its end" : JSON.stringify(token.text)}`,
        token.at,
      );
    }
    this.#at++;
    return token.text;
  }

  #argument(depth: number): FilterNode {
    if (this.#take("[")) {
      const values: FilterValue[] = [];
      while (!this.#take("]")) {
        if (values.length > 0) this.expect("mark", ",");
        values.push(this.#literal());
      }
      return { kind: "list", values };
    }
    const token = this.#next();
    if (token.kind !== "word" || CONSTANTS.has(token.text)) return { kind: "value", value: this.#literal() };
    if (this.#tokens[this.#at + 1]?.text === "(") return this.call(depth);
    this.#at++;
    return { kind: "field", name: token.text };
  }

  #literal(): FilterValue {
    const token = this.#next();
    this.#at++;
    if (token.kind === "text") return unescaped(token.text);
    if (token.kind === "number") return Number(token.text);
    const constant = token.kind === "word" ? CONSTANTS.get(token.text) : undefined;
    if (constant !== undefined) return constant;
    throw wrong("needs a text, a number, true, false or null", token.at);
  }

  #take(mark: string): boolean {
    const token = this.#next();
    if (token.kind !== "mark" || token.text !== mark) return false;
    this.#at++;
    return true;
  }

  #next(): Token {
    return this.#tokens[this.#at] ?? { kind: "end", text: "", at: 0 };
  }
}

const CONSTANTS: ReadonlyMap<string, FilterValue> = new Map<string, FilterValue>([
  ["true", true],
  ["True", true],
  ["false", false],
  ["False", false],
  ["null", null],
  ["None", null],
]);

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  const end = source.trimEnd().length;
  while (pattern.lastIndex < end) {
    const at = pattern.lastIndex;
    const groups = pattern.exec(source)?.groups;
    const found = Object.entries(groups ?? {}).find(([, text]) => text !== undefined);
    if (found === undefined) throw wrong("can't be read", at);
    tokens.push({ kind: found[0] as Token["kind"], text: found[1] ?? "", at });
  }
  tokens.push({ kind: "end", text: "", at: end });
  return tokens;
}

/** Double-quoted texts are JSON strings; in single quotes only the quote and the backslash are escaped. */
function unescaped(text: string): string {
  if (text.startsWith('"')) {
    try {
      return JSON.parse(text) as string;
    } catch {
      // An escape that JSON does not know, or a line break: taken as it stands.
    }
  }
  return text.slice(1, -1).replace(/\\(.)/gs, "$1");
}

function wrong(why: string, at: number): CounterfoilError {
  return new CounterfoilError("CF_USAGE", `The filter ${why} (at character ${at + 1}).`);
}
