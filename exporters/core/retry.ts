import type { Clock } from "./clock.js";

/** Exponential back-off with full jitter. Times in milliseconds. */
export interface RetryOptions {
  /** Upper bound of the first pause. */
  readonly initialMs: number;
  readonly multiplier: number;
  /** Upper bound of any pause; a peer's Retry-After may exceed it. */
  readonly maxMs: number;
  /** After this long without success a batch goes to the dead letters; 0 means never: the journal keeps it. */
  readonly maxElapsedMs: number;
}

/** Retries start within a second, double, settle at one try a minute, and go on for ever. */
export const DEFAULT_RETRY: RetryOptions = {
  initialMs: 1_000,
  multiplier: 2,
  maxMs: 60_000,
  maxElapsedMs: 0,
};

/** Longest Retry-After that is believed, milliseconds: a wrong clock or header must not stop delivery for days. */
const RETRY_AFTER_MS_MAX = 60 * 60 * 1_000;

/**
 * Pause after the `failures`-th failure in a row (from 1): uniform between 0 and the exponential bound ("full jitter"),
 * never shorter than a tenth of it so that a dead peer is not hammered, and never before the peer's Retry-After.
 */
export function backoffMs(options: RetryOptions, failures: number, clock: Clock, retryAfterMs = 0): number {
  const bound = Math.min(options.maxMs, options.initialMs * options.multiplier ** (failures - 1));
  const jittered = bound * (0.1 + 0.9 * clock.random());
  return Math.max(jittered, retryAfterMs);
}

/** A Retry-After header as milliseconds from `now`: seconds or an HTTP-date (RFC 9110 10.2.3); undefined otherwise. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Number(text) * 1_000, RETRY_AFTER_MS_MAX);
  // Every form of an HTTP-date starts with the day's name; Date.parse alone would take "-5" for a year.
  const date = /^[A-Za-z]{3,9},? /.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date)) return undefined;
  return Math.min(Math.max(0, date - now), RETRY_AFTER_MS_MAX);
}
