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
  const usual = usualTime(value);
  if (usual !== undefined) return usual;
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
  const usual = usualStamp(dottedOrder, dottedOrder.lastIndexOf(".") + 1);
  if (usual !== undefined) return usual;
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

/** `2026-11-23T10:00:00.123456Z`, with three or six digits of a second, as nearly all clients write it; else undefined. */
function usualTime(text: string): bigint | undefined {
  const { length } = text;
  const digits = length === 24 ? 3 : length === 27 ? 6 : length === 32 ? 6 : 0;
  if (digits === 0 || !text.endsWith(length === 32 ? "+00:00" : "Z")) return undefined;
  if (text[4] !== "-" || text[7] !== "-" || text[10] !== "T") return undefined;
  if (text[13] !== ":" || text[16] !== ":" || text[19] !== ".") return undefined;
  const micros = digits === 6 ? digitsAt(text, 20, 6) : 1_000 * digitsAt(text, 20, 3);
  const date = digitsAt(text, 0, 4) * 10_000 + digitsAt(text, 5, 2) * 100 + digitsAt(text, 8, 2);
  const time = digitsAt(text, 11, 2) * 10_000 + digitsAt(text, 14, 2) * 100 + digitsAt(text, 17, 2);
  return momentOf(date, time, micros);
}

/** `20261123T100000123456Z` at a place of a text. */
function usualStamp(text: string, at: number): bigint | undefined {
  if (text[at + 8] !== "T" || text[at + 21] !== "Z") return undefined;
  return momentOf(digitsAt(text, at, 8), digitsAt(text, at + 9, 6), digitsAt(text, at + 15, 6));
}

/** Of `YYYYMMDD` and `HHMMSS` as numbers. Days that not all months have are not for here. */
function momentOf(date: number, time: number, micros: number): bigint | undefined {
  if (!(date >= FIRST_DATE && time >= 0 && micros >= 0)) return undefined;
  const [month, day] = [Math.floor(date / 100) % 100, date % 100];
  const [hour, minute, second] = [Math.floor(time / 10_000), Math.floor(time / 100) % 100, time % 100];
  if (month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59)
    return undefined;
  const ms = Date.UTC(Math.floor(date / 10_000), month - 1, day, hour, minute, second);
  // Microseconds since 1970 as one number would be rounded from the year 2255 on.
  return inRange(BigInt(ms) * 1_000_000n + BigInt(micros * 1_000));
}

const FIRST_DATE = 1971_01_01;

/** The number that so many digits are; negative when there is anything else. */
function digitsAt(text: string, start: number, count: number): number {
  let value = 0;
  for (let at = start; at < start + count; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (!(digit >= 0 && digit <= 9)) return Number.NEGATIVE_INFINITY;
    value = value * 10 + digit;
  }
  return value;
}

function zoneText(zone: string): string {
  const upper = zone.toUpperCase();
  return upper === "Z" || upper.includes(":") ? upper : `${upper.slice(0, 3)}:${upper.slice(3)}`;
}

function inRange(nanos: bigint): bigint | undefined {
  return nanos > 0n && nanos < UNIX_NANO_MAX ? nanos : undefined;
}
