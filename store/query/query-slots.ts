import { CounterfoilError, QUERY_CONCURRENCY_MAX, QUERY_WAITING_MAX } from "../../schema/index.js";

let running = 0;
const waiting: (() => void)[] = [];

function finish(): void {
  const next = waiting.shift();
  // The place goes straight to the next one, so that nobody slips in between.
  if (next === undefined) running -= 1;
  else next();
}

function tooMany(): CounterfoilError {
  return new CounterfoilError(
    "CF_QUERY_LIMIT",
    `${running} queries are running and ${waiting.length} are waiting. Try again later.`,
    { retryable: true },
  );
}

/**
 * Waits for one of this process's QUERY_CONCURRENCY_MAX places for query children; returns the function that gives
 * it back. Throws CF_QUERY_LIMIT when too many wait already, or none got free within `timeoutMs`.
 */
export async function takeQuerySlot(timeoutMs: number): Promise<() => void> {
  if (running < QUERY_CONCURRENCY_MAX) {
    running += 1;
  } else {
    if (waiting.length >= QUERY_WAITING_MAX) throw tooMany();
    await new Promise<void>((resolve, reject) => {
      const start = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(start), 1);
        reject(tooMany());
      }, timeoutMs);
      waiting.push(start);
    });
  }
  return finish;
}
