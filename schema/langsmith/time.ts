import { UNIX_NANO_MAX } from "../limits.js";

const DOTTED = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{6})Z/;

/**
 * A time as LangSmith's clients write it, as nanoseconds since 1970: epoch milliseconds, or ISO 8601 with up to nine
 * digits of a second and UTC when it names no zone. Undefined for anything else, and for times outside 1970 to 2262.
 */
export function runTimeNanos(value: unknown): bigint | undefined {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) return undefined;
    return inRange(BigInt(Math.round(value * 1_000)) * 1_000n);
  }
  if (typeof value !== "string") return undefined;
  const match =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9})\d*)?)?(Z|[+-]\d{2}:?\d{2})?$/i.exec(
      value.trim(),
    );
  if (match === null) return undefined;
  const [, date = "", time = "00:00:00", fraction = "", zone = "Z"] = match;
  const ms = Date.parse(`${date}T${time.length === 5 ? `${time}:00` : time}${zoneText(zone)}`);
  if (Number.isNaN(ms)) return undefined;
  return inRange(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, "0")));
}

/** The start time in a dotted order's last segment, nanoseconds since 1970. */
export function dottedOrderNanos(dottedOrder: unknown): bigint | undefined {
  if (typeof dottedOrder !== "string") return undefined;
  const match = DOTTED.exec(dottedOrder.slice(dottedOrder.lastIndexOf(".") + 1));
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, micros] = match;
  return runTimeNanos(`${year}-${month}-${day}T${hour}:${minute}:${second}.${micros}Z`);
}

/** Nanoseconds since 1970 as LangSmith writes times: ISO 8601 with microseconds. */
export function nanosToRunTime(nanos: bigint): string {
  const micros = nanos / 1_000n;
  const seconds = new Date(Number(micros / 1_000_000n) * 1_000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % 1_000_000n).padStart(6, "0")}+00:00`;
}

function zoneText(zone: string): string {
  const upper = zone.toUpperCase();
  return upper === "Z" || upper.includes(":") ? upper : `${upper.slice(0, 3)}:${upper.slice(3)}`;
}

function inRange(nanos: bigint): bigint | undefined {
  return nanos > 0n && nanos < UNIX_NANO_MAX ? nanos : undefined;
}
