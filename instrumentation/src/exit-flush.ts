import { guard } from "./guard.js";

/** Longest wait for the last spans when the process is told to stop. */
export const EXIT_FLUSH_TIMEOUT_MS = 5_000;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** What is flushed, and whether it is worth it. */
export interface Flushable {
  flush(): Promise<void>;
  /** Grows with every span that ended. */
  endedCount(): number;
}

/**
 * Sends the last spans before the process ends: when the event loop runs empty, and on SIGTERM and SIGINT. A signal that
 * nobody else handles still ends the process, with the signal as its cause; one that the app handles is left to the app.
 * Returns a function that takes all of it back.
 */
export function flushOnExit(target: Flushable): () => void {
  let flushed = target.endedCount();
  const beforeExit = (): void => {
    // `beforeExit` comes again after each asynchronous flush: without new spans there must be none, or it never ends.
    const ended = target.endedCount();
    if (ended === flushed) return;
    flushed = ended;
    target.flush().catch(() => undefined);
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const appHandlesIt = process.listenerCount(signal) > 1;
    void flushThenStop(signal, appHandlesIt);
  };
  const flushThenStop = async (signal: NodeJS.Signals, appHandlesIt: boolean): Promise<void> => {
    await withTimeout(target.flush());
    if (appHandlesIt) return;
    remove();
    guard("passing a signal on", () => process.kill(process.pid, signal));
  };
  const remove = (): void => {
    process.off("beforeExit", beforeExit);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  process.on("beforeExit", beforeExit);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return remove;
}

/** Settles when the work does, or after the longest wait; never rejects. */
async function withTimeout(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, EXIT_FLUSH_TIMEOUT_MS);
  });
  await Promise.race([work.catch(() => undefined), late]);
  clearTimeout(timer);
}
