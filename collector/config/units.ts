import { z } from "zod";

const DURATION = /^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/;
const SIZE = /^\d+(?:\.\d+)?\s*(?:B|KB|MB|GB|TB|KiB|MiB|GiB|TiB)?$/;

const SIZE_ERROR = 'must be a size such as "20MiB", "500MB" or a number of bytes';

const DURATION_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const SIZE_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** A length of time as users write it: `250ms`, `5s`, `1m30s`, `90d`. */
export const durationSchema = z
  .string('must be a duration such as "250ms", "5s", "1m30s" or "90d"')
  .regex(DURATION, 'must be a duration such as "250ms", "5s", "1m30s" or "90d"');

/** Longest delay of a Node timer, milliseconds; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** A length of time that is more than nothing: zero would delete everything, or never wait for anything. */
export const positiveDurationSchema = durationSchema.refine(
  (text) => !DURATION.test(text) || durationMs(text) > 0,
  "must be more than 0",
);

/** A time-out or pause: more than nothing, and no longer than a timer can run. */
export const timerSchema = positiveDurationSchema.refine(
  (text) => !DURATION.test(text) || durationMs(text) <= TIMER_MS_MAX,
  "must be at most 24d",
);

/** A number of bytes as users write it: `20MiB`, `500MB`, or a plain number. */
export const sizeSchema = z.union(
  [z.number().int().nonnegative(SIZE_ERROR), z.string().regex(SIZE, SIZE_ERROR)],
  SIZE_ERROR,
);

/** A number of bytes that is more than none. */
export const positiveSizeSchema = sizeSchema.refine(
  (size) => (typeof size === "string" && !SIZE.test(size)) || sizeBytes(size) > 0,
  "must be more than 0",
);

/** Milliseconds of a duration that {@link durationSchema} accepted. */
export function durationMs(text: string): number {
  let sum = 0;
  for (const [, amount = "0", unit = "ms"] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    sum += Number(amount) * (DURATION_MS[unit] ?? 1);
  }
  return Math.round(sum);
}

/** Bytes of a size that {@link sizeSchema} accepted. */
export function sizeBytes(size: string | number): number {
  if (typeof size === "number") return size;
  const [, amount = "0", unit = "B"] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)?$/.exec(size) ?? [];
  return Math.floor(Number(amount) * (SIZE_BYTES[unit] ?? 1));
}
