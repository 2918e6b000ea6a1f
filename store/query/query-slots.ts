import { CounterfoilError, QUERY_CONCURRENCY_MAX, QUERY_WAITING_MAX } from "../../schema/index.js";

/** Places for things that run at once, and a queue before them. */
export class QuerySlots {
  readonly #most: number;
  readonly #waitingMost: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(most: number, waitingMost: number) {
    this.#most = most;
    this.#waitingMost = waitingMost;
  }

  /**
   * Waits for a place; returns the function that gives it back. Throws CF_QUERY_LIMIT (retryable) when too many wait
   * already, or none got free within `timeoutMs`.
   */
  async take(timeoutMs: number): Promise<() => void> {
    if (this.#running < this.#most) {
      this.#running += 1;
    } else {
      if (this.#waiting.length >= this.#waitingMost) throw this.#tooMany();
      await this.#turn(timeoutMs);
    }
    return () => this.#finish();
  }

  #turn(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(start), 1);
        reject(this.#tooMany());
      }, timeoutMs);
      this.#waiting.push(start);
    });
  }

  #finish(): void {
    const next = this.#waiting.shift();
    // The place goes straight to the next one, so that nobody slips in between.
    if (next === undefined) this.#running -= 1;
    else next();
  }

  #tooMany(): CounterfoilError {
    return new CounterfoilError(
      "CF_QUERY_LIMIT",
      `${this.#running} queries are running and ${this.#waiting.length} are waiting. Try again later.`,
      { retryable: true },
    );
  }
}

const children = new QuerySlots(QUERY_CONCURRENCY_MAX, QUERY_WAITING_MAX);

/** Waits for one of this process's QUERY_CONCURRENCY_MAX places for query children, as {@link QuerySlots.take}. */
export function takeQuerySlot(timeoutMs: number): Promise<() => void> {
  return children.take(timeoutMs);
}
