import { vi } from "vitest";
import { settle } from "./virtual-clock.js";

/** Timers, wall clock and monotonic clock stand still until {@link advance}; everything else runs as it does. */
export function fakeTime(): void {
  vi.useFakeTimers({
    toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "Date", "performance"],
    now: Date.UTC(2026, 10, 23, 6),
  });
}

/** Ends {@link fakeTime}, and every timer that is still set. */
export function realTime(): void {
  vi.clearAllTimers();
  vi.useRealTimers();
}

/** Lets `ms` of time pass: each timer in its turn, and between two of them all that runs without time. */
export async function advance(ms: number): Promise<void> {
  const end = Date.now() + ms;
  // So that the clock stands exactly there, whatever else is due.
  setTimeout(() => undefined, ms);
  await settle();
  while (Date.now() < end) {
    vi.advanceTimersToNextTimer();
    await settle();
  }
}

/** Lets time pass until the promise settles; then as the promise did. Fails after `msMax`. */
export async function passing<T>(promise: Promise<T>, msMax = 3_600_000): Promise<T> {
  const state = { isSettled: false };
  const watched = promise.finally(() => {
    state.isSettled = true;
  });
  watched.catch(() => undefined);
  await settle();
  const end = Date.now() + msMax;
  while (!state.isSettled) {
    if (Date.now() > end) throw new Error(`nothing came within ${msMax} ms of virtual time`);
    if (vi.getTimerCount() === 0) throw new Error("nothing comes any more: no timer is set");
    vi.advanceTimersToNextTimer();
    await settle();
  }
  return watched;
}
