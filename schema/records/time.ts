import { UNIX_NANO_MAX } from "../limits.js";

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d{2}:?\d{2})?$/;

/**
 * Nanoseconds since 1970 of an RFC 3339 time; one without an offset is UTC, as LangSmith sends some. Undefined for
 * anything else, and for times before 1970 or after 2262.
 */
export function timeToUnixNano(text: unknown): bigint | undefined {
  const found = typeof text === "string" ? RFC_3339.exec(text) : null;
  if (found === null) return undefined;
  const [, date, time, fraction = "", offset = "Z"] = found;
  const withColon = offset.length === 5 ? `${offset.slice(0, 3)}:${offset.slice(3)}` : offset.toUpperCase();
  const ms = Date.parse(`${date}T${time}${withColon}`);
  if (Number.isNaN(ms)) return undefined;
  const nanos = BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
  return nanos < 0n || nanos >= UNIX_NANO_MAX ? undefined : nanos;
}

/** RFC 3339 in UTC with all nanoseconds that are not zero. */
export function unixNanoToTime(nanos: bigint): string {
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1_000).toISOString().slice(0, -5);
  const fraction = (nanos % 1_000_000_000n).toString().padStart(9, "0").replace(/0+$/, "");
  return `${seconds}${fraction === "" ? "" : `.${fraction}`}Z`;
}
