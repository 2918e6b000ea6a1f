import { SealedCount } from "./sealed-count.js";

const POLL_MS = 5;

/** When how many spans became visible. The manifest is looked at every 5 ms: the answer's resolution. */
export class SealedLog {
  readonly #count: SealedCount;
  readonly #timer: NodeJS.Timeout;
  readonly #log: [number, number][] = [];
  #last = -1;

  constructor(mirrorDir: string) {
    this.#count = new SealedCount(mirrorDir);
    this.#look();
    this.#timer = setInterval(() => this.#look(), POLL_MS);
  }

  #look(): void {
    const spans = this.#count.spans();
    if (spans === this.#last) return;
    this.#last = spans;
    this.#log.push([performance.timeOrigin + performance.now(), spans]);
  }

  /** Stops looking; gives Unix times in milliseconds and spans visible from then on. */
  stop(): readonly (readonly [number, number])[] {
    clearInterval(this.#timer);
    this.#look();
    this.#count.close();
    return this.#log;
  }
}

/**
 * For each acknowledgement how long it took until its spans were visible, milliseconds. Both lists count spans from the
 * same start, in the journal's order.
 */
export function visibleAfter(
  acks: readonly (readonly [number, number])[],
  visible: readonly (readonly [number, number])[],
  before: number,
): number[] {
  let at = 0;
  return acks.flatMap(([time, spans]) => {
    while (at < visible.length && (visible[at]?.[1] ?? 0) < before + spans) at++;
    const seen = visible[at];
    return seen === undefined ? [] : [Math.max(0, seen[0] - time)];
  });
}
