/** A value with fields not known at compile time. */
export type JsonObject = Record<string, unknown>;

/** True for objects that are not arrays. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value when it is a non-empty string. */
export function stringOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** The value when it is a finite number. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

/** The value when it is an array, otherwise an empty one. */
export function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The field of an object, `undefined` for anything else. */
export function fieldOf(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/**
 * JSON of any value, never throwing for its shape: bigint as a string, bytes as base64, Error as name and message,
 * Map and Set as arrays, a cycle as the string "[circular]". `undefined` and functions alone become `null`.
 */
export function toJson(value: unknown): string {
  const plain = isPlain(value, 0) ? JSON.stringify(value) : undefined;
  return plain ?? JSON.stringify(plainOf(value, [])) ?? "null";
}

/** Text that is JSON is parsed; anything else comes back as it is. */
export function parseJson(text: unknown): unknown {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Deeper values take the careful way, which also finds cycles. */
const PLAIN_DEPTH_MAX = 64;

/** The common case: `JSON.stringify` does it all. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "bigint") return false;
  if (typeof value !== "object" || value === null) return true;
  if (depth === PLAIN_DEPTH_MAX) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  for (const key in value) {
    if (!isPlain((value as JsonObject)[key], depth + 1)) return false;
  }
  return typeof (value as { toJSON?: unknown }).toJSON !== "function";
}

function plainOf(value: unknown, path: readonly object[]): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  if (path.includes(value)) return "[circular]";
  const inside = [...path, value];
  if (value instanceof Error) return { name: value.name, message: value.message };
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64");
  }
  if (value instanceof Map) return [...value].map((item) => plainOf(item, inside));
  if (value instanceof Set) return [...value].map((item) => plainOf(item, inside));
  if (Array.isArray(value)) return value.map((item) => plainOf(item, inside));
  const custom = (value as { toJSON?: unknown }).toJSON;
  if (typeof custom === "function") return plainOf(Reflect.apply(custom, value, []), inside);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainOf(item, inside)]));
}
