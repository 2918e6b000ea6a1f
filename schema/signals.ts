import { SIGNALS, type Signal } from "./otlp/types.js";

/**
 * What a journal record holds: a request of one of OpenTelemetry's signals, or `records`: changes of things that people
 * and rules decide (feedback, prices, ...), as JSON Lines (invariant I5, `schema/records/`).
 */
export const JOURNAL_SIGNALS = [...SIGNALS, "records"] as const;

/** One of {@link JOURNAL_SIGNALS}. */
export type JournalSignal = (typeof JOURNAL_SIGNALS)[number];

/** Whether the payload is an OTLP export request. */
export function isTelemetry(signal: JournalSignal): signal is Signal {
  return signal !== "records";
}
