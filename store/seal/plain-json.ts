import type { AnyValue, KeyValue } from "../../schema/index.js";
import { CounterfoilError } from "../../schema/index.js";

const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;
const SPACE = new Set([" ", "\n", "\r", "\t"]);

/**
 * Reads the mirror's plain JSON back into an AnyValue: a number with a point or an exponent is a double, any other an
 * integer of 64 bits; an object is a key-value list with its keys in order; null is the empty value.
 */
export function plainJsonToValue(text: string): AnyValue {
  const parser = new Parser(text);
  const value = parser.value();
  parser.end();
  return value;
}

/** The pairs of a plain JSON object; none for null. */
export function plainJsonToPairs(text: string | null): KeyValue[] {
  return text === null ? [] : (plainJsonToValue(text).kvlistValue?.values ?? []);
}

class Parser {
  #at = 0;

  constructor(readonly text: string) {}

  value(): AnyValue {
    this.#space();
    switch (this.text.charAt(this.#at)) {
      case '"':
        return { stringValue: this.#string() };
      case "{":
        return { kvlistValue: { values: this.#object() } };
      case "[":
        return { arrayValue: { values: this.#array() } };
      case "t":
        return this.#word("true", { boolValue: true });
      case "f":
        return this.#word("false", { boolValue: false });
      case "n":
        return this.#word("null", {});
      default:
        return this.#number();
    }
  }

  end(): void {
    this.#space();
    if (this.#at !== this.text.length) this.#fail();
  }

  #object(): KeyValue[] {
    const pairs: KeyValue[] = [];
    this.#at++;
    if (this.#closes("}")) return pairs;
    do {
      this.#space();
      const key = this.#string();
      this.#space();
      if (this.text.charAt(this.#at++) !== ":") this.#fail();
      pairs.push({ key, value: this.value() });
    } while (this.#continues("}"));
    return pairs;
  }

  #array(): AnyValue[] {
    const items: AnyValue[] = [];
    this.#at++;
    if (this.#closes("]")) return items;
    do items.push(this.value());
    while (this.#continues("]"));
    return items;
  }

  #closes(end: string): boolean {
    this.#space();
    if (this.text.charAt(this.#at) !== end) return false;
    this.#at++;
    return true;
  }

  #continues(end: string): boolean {
    this.#space();
    const char = this.text.charAt(this.#at++);
    if (char !== "," && char !== end) this.#fail();
    return char === ",";
  }

  #string(): string {
    const start = this.#at;
    if (this.text.charAt(start) !== '"') this.#fail();
    for (let at = start + 1; ; at++) {
      const code = this.text.charCodeAt(at);
      if (Number.isNaN(code)) this.#fail();
      if (code === 92) at++;
      else if (code === 34) {
        this.#at = at + 1;
        return JSON.parse(this.text.slice(start, at + 1)) as string;
      }
    }
  }

  #number(): AnyValue {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.text);
    if (match === null) return this.#fail();
    this.#at += match[0].length;
    const isDouble = match[1] !== undefined || match[2] !== undefined;
    return isDouble ? { doubleValue: Number(match[0]) } : { intValue: BigInt(match[0]) };
  }

  #word(word: string, value: AnyValue): AnyValue {
    if (!this.text.startsWith(word, this.#at)) this.#fail();
    this.#at += word.length;
    return value;
  }

  #space(): void {
    while (SPACE.has(this.text.charAt(this.#at))) this.#at++;
  }

  #fail(): never {
    throw new CounterfoilError(
      "CF_CATALOG_CORRUPT",
      `a JSON column of the mirror is not valid at character ${this.#at}; the file was changed or is damaged`,
    );
  }
}
