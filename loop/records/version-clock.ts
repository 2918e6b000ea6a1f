/**
 * Times of changes, each later than the one before by at least a millisecond: a version of a dataset is named by such a
 * time, and JavaScript's Date, in which clients hold it, knows no less.
 */
export class VersionClock {
  readonly #now: () => Date;
  #last = 0;

  constructor(now: () => Date = () => new Date()) {
    this.#now = now;
  }

  /** RFC 3339 with milliseconds. */
  next(): string {
    this.#last = Math.max(this.#now().getTime(), this.#last + 1);
    return new Date(this.#last).toISOString();
  }
}

/** A time with milliseconds in the form in which queries give times: UTC with microseconds. */
export function timeText(time: string): string {
  return time.replace("Z", "000+00:00");
}
