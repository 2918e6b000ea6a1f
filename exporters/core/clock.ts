/**
 * Time and chance as the delivery core sees them. Injected, so that a test runs six hours of an outage in a moment and
 * repeats it exactly.
 */
export interface Clock {
  /** Epoch milliseconds. */
  now(): number;
  /** Calls `run` once after `delayMs`; returns the function that cancels it. */
  schedule(run: () => void, delayMs: number): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}

/** The machine's clock. Its timers do not keep a process alive by themselves. */
export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  schedule(run, delayMs) {
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};
