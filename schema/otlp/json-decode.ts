import type { CounterfoilError } from "../errors.js";
import { ANY_VALUE_DEPTH_MAX } from "../limits.js";
import { COMPILED, emptyMessage, ROOTS, type Field, type Message, type Plain } from "./compiled.js";
import { parseJson } from "./json-parse.js";
import { isNumeric, JSON_FORMS, READ_JSON } from "./json-scalars.js";
import { malformed, tooDeep } from "./malformed.js";
import type { MessageName, MessageTypes, ScalarType } from "./messages.js";
import type { Signal, SignalData } from "./types.js";

/**
 * Stands before a bare integer too long for a double, which is parsed as a string: it is still no text. Well-formed text
 * can't start with it.
 */
const NUMBER_MARK = "\udfff\udfffinteger:";
const NUMBER_MARK_START = 0xdfff;

/**
 * Decodes one request in OTLP/JSON: lowerCamelCase keys, unknown ones ignored, null the same as absent, ids as hex
 * (or base64 of exactly the right size), 64-bit integers as strings or numbers, their digits exact either way (a bare
 * number with a point or an exponent is what a double makes of it), enums as numbers or names.
 * @throws CF_OTLP_MALFORMED naming the member at fault, e.g. `resourceSpans[0].scopeSpans[0].spans[2].kind`;
 * CF_OTLP_TOO_DEEP beyond ANY_VALUE_DEPTH_MAX nested values.
 */
export function decodeOtlpJson<S extends Signal>(signal: S, text: string | Uint8Array): SignalData[S] {
  const body = parseJson(text, NUMBER_MARK);
  refuseOtherSignal(signal, body);
  return new JsonDecoder().decode(ROOTS[signal], body) as unknown as SignalData[S];
}

/** The member of a request that holds its data, by signal. */
const HOLDERS = { traces: "resourceSpans", logs: "resourceLogs", metrics: "resourceMetrics" } as const;

/** Another signal's data would be an unknown member: ignored, and lost behind a 200. */
function refuseOtherSignal(signal: Signal, body: unknown): void {
  if (!isObject(body) || Object.hasOwn(body, HOLDERS[signal])) return;
  const other = Object.values(HOLDERS).find((name) => Array.isArray(body[name]) && body[name].length > 0);
  if (other === undefined) return;
  throw malformed(`no ${HOLDERS[signal]} but ${other}: were they sent to the path of ${signal}?`);
}

/**
 * Decodes one message of OTLP/JSON by its name.
 * @throws as {@link decodeOtlpJson}
 */
export function decodeMessageJson<M extends MessageName>(
  name: M,
  text: string | Uint8Array,
): MessageTypes[M] {
  return new JsonDecoder().decode(COMPILED[name], parseJson(text, NUMBER_MARK)) as unknown as MessageTypes[M];
}

function isMarked(value: unknown): value is string {
  return (
    typeof value === "string" && value.charCodeAt(0) === NUMBER_MARK_START && value.startsWith(NUMBER_MARK)
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (isMarked(value)) return "a number";
  return Array.isArray(value) ? "a list" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}

function isObject(value: unknown): value is Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether an object has one member: the usual value, a string and nothing else, needs no walk over the table. */
function isAlone(value: Plain): boolean {
  let members = 0;
  for (const _ in value) if (++members > 1) return false;
  return true;
}

/** Follows the message table through parsed JSON; `#path` is where it is, for error messages. */
class JsonDecoder {
  readonly #path: (string | number)[] = [];
  #depth = 0;

  decode(message: Message, value: unknown): Plain {
    if (!isObject(value)) throw this.#wrong("an object", value);
    if (message.name === "AnyValue" && typeof value["stringValue"] === "string" && isAlone(value)) {
      if (!isMarked(value["stringValue"])) return { stringValue: READ_JSON.string(value["stringValue"]) };
    }
    if (message.container && ++this.#depth > ANY_VALUE_DEPTH_MAX) {
      throw tooDeep(ANY_VALUE_DEPTH_MAX, `under ${this.#place(8)}`);
    }
    const target = emptyMessage(message);
    for (const field of message.fields) {
      const member = value[field.name];
      if (member === undefined || member === null) continue;
      this.#path.push(field.name);
      if (field.rivals.length > 0) this.#refuseRival(field, target);
      target[field.name] = field.repeated ? this.#list(field, member) : this.#single(field, member);
      this.#path.pop();
    }
    if (message.container) this.#depth--;
    return target;
  }

  #refuseRival(field: Field, target: Plain): void {
    const rival = field.rivals.find((name) => target[name] !== undefined);
    if (rival !== undefined) throw malformed(`both ${rival} and ${field.name} are set at ${this.#place()}`);
  }

  #list(field: Field, value: unknown): unknown[] {
    if (!Array.isArray(value)) {
      const pairs = field.message?.name === "KeyValue";
      throw this.#wrong(pairs ? 'a list of {"key": ..., "value": {"stringValue": ...}}' : "a list", value);
    }
    return value.map((item: unknown, index) => {
      this.#path.push(index);
      const emptyValue = item === null && field.message?.name === "AnyValue";
      const decoded = this.#single(field, emptyValue ? {} : item);
      this.#path.pop();
      return decoded;
    });
  }

  #single(field: Field, value: unknown): unknown {
    if (field.message !== undefined) return this.decode(field.message, value);
    return this.#scalar(field, field.scalar ?? "string", value);
  }

  #scalar(field: Field, type: ScalarType, value: unknown): unknown {
    if (field.enumNames !== undefined && typeof value === "string") {
      const number = field.enumNames.indexOf(value);
      if (number !== -1) return number;
    }
    const scalar = isMarked(value)
      ? isNumeric(type)
        ? READ_JSON[type](value.slice(NUMBER_MARK.length))
        : undefined
      : READ_JSON[type](value);
    if (scalar === undefined) throw this.#wrong(JSON_FORMS[type], value);
    return scalar;
  }

  #wrong(expected: string, value: unknown): CounterfoilError {
    return malformed(`${this.#place()} must be ${expected}, got ${kindOf(value)}`);
  }

  #place(partsMax = Number.POSITIVE_INFINITY): string {
    const parts = this.#path.slice(0, partsMax);
    const text = parts.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("");
    return text === "" ? "the body" : text.slice(1);
  }
}
