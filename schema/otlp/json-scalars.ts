import type { ScalarType } from "./messages.js";

/** Reads a JSON value as a scalar; undefined when it isn't one. */
export type ReadScalar = (value: unknown) => unknown;

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
/** Base64 of exactly 16 or 8 bytes: what plain protobuf JSON encoders send for ids. */
const BASE64_ID = /^(?:[A-Za-z0-9+/_-]{22}==|[A-Za-z0-9+/_-]{11}=)$/;
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const INTEGER = /^-?\d{1,40}$/;
const NUMBER = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const SPECIAL_DOUBLES: ReadonlyMap<string, number> = new Map([
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["-Infinity", Number.NEGATIVE_INFINITY],
]);

/** Text as UTF-8 can carry it: a lone surrogate becomes U+FFFD, as it does on the wire. */
function wellFormed(text: string): string {
  return /\p{Surrogate}/u.test(text) ? text.replaceAll(/\p{Surrogate}/gu, "\ufffd") : text;
}

function id(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  if (HEX.test(value)) return value.toLowerCase();
  return BASE64_ID.test(value) ? Buffer.from(value, "base64").toString("hex") : undefined;
}

function bytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string" || !BASE64.test(value)) return undefined;
  const digits = value.replace(/=+$/, "").length;
  return digits % 4 === 1 ? undefined : new Uint8Array(Buffer.from(value, "base64"));
}

/** A number too large for a double is refused, as protobuf's JSON asks: infinity is written as a word. */
function double(value: unknown): number | undefined {
  const special = typeof value === "string" ? SPECIAL_DOUBLES.get(value) : undefined;
  if (special !== undefined) return special;
  const number = typeof value === "string" && NUMBER.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : undefined;
}

function bigInteger(value: unknown): bigint | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : undefined;
  if (typeof value !== "string") return undefined;
  if (INTEGER.test(value)) return BigInt(value);
  if (!NUMBER.test(value)) return undefined;
  const number = Number(value);
  return Number.isSafeInteger(number) ? BigInt(number) : undefined;
}

function bigWithin(min: bigint, max: bigint): ReadScalar {
  return (value) => {
    const integer = bigInteger(value);
    return integer !== undefined && integer >= min && integer <= max ? integer : undefined;
  };
}

function within(min: number, max: number): ReadScalar {
  return (value) => {
    const number = typeof value === "string" && INTEGER.test(value) ? Number(value) : value;
    return typeof number === "number" && Number.isInteger(number) && number >= min && number <= max
      ? number + 0
      : undefined;
  };
}

const int32 = within(-(2 ** 31), 2 ** 31 - 1);
const uint32 = within(0, 2 ** 32 - 1);
const int64 = bigWithin(-(2n ** 63n), 2n ** 63n - 1n);
const uint64 = bigWithin(0n, 2n ** 64n - 1n);

/** How each type is read from OTLP/JSON; an enum's names are looked up before. */
export const READ_JSON: Readonly<Record<ScalarType, ReadScalar>> = {
  string: (value) => (typeof value === "string" ? wellFormed(value) : undefined),
  hex: id,
  bytes,
  bool: (value) => (typeof value === "boolean" ? value : undefined),
  int32,
  uint32,
  sint32: int32,
  enum: int32,
  int64,
  uint64,
  fixed32: uint32,
  fixed64: uint64,
  sfixed64: int64,
  double,
};

const NOT_NUMERIC: ReadonlySet<ScalarType> = new Set(["string", "hex", "bytes", "bool"]);

/** Whether a bare number may stand for a value of the type. */
export function isNumeric(type: ScalarType): boolean {
  return !NOT_NUMERIC.has(type);
}

/** What each type looks like in OTLP/JSON, for error messages. */
export const JSON_FORMS: Readonly<Record<ScalarType, string>> = {
  string: "a string",
  hex: "an id in hexadecimal digits",
  bytes: "base64 text",
  bool: "true or false",
  int32: "a 32-bit integer",
  uint32: "an unsigned 32-bit integer",
  sint32: "a 32-bit integer",
  enum: "an enum's number or name",
  int64: "a 64-bit integer",
  uint64: "an unsigned 64-bit integer",
  fixed32: "an unsigned 32-bit integer",
  fixed64: "an unsigned 64-bit integer (nanoseconds, if a time)",
  sfixed64: "a 64-bit integer",
  double: "a number that a double can hold",
};

/** How each type is written as OTLP/JSON text. */
export const WRITE_JSON: Readonly<Record<ScalarType, (value: never) => string>> = {
  string: (value: string) => JSON.stringify(value),
  hex: (value: string) => JSON.stringify(value),
  bytes: (value: Uint8Array) => `"${bytesToBase64(value)}"`,
  bool: String,
  int32: String,
  uint32: String,
  sint32: String,
  enum: String,
  int64: (value: bigint) => `"${value}"`,
  uint64: (value: bigint) => `"${value}"`,
  fixed32: String,
  fixed64: (value: bigint) => `"${value}"`,
  sfixed64: (value: bigint) => `"${value}"`,
  double: (value: number) => {
    if (!Number.isFinite(value)) return `"${value}"`;
    return Object.is(value, -0) ? "-0" : String(value);
  },
};

/** Standard base64 with padding. */
export function bytesToBase64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
}
