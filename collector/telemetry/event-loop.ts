import { monitorEventLoopDelay } from "node:perf_hooks";
import { EVENT_LOOP_STALL_MS } from "../../schema/index.js";

/** How often the loop is probed, milliseconds; a probe costs about a microsecond. */
const PROBE_MS = 10;
/** How often the probes are summed up, and how many sums make "the last minute". */
const SUM_MS = 1_000;
const SUMS_KEPT = 60;

/** How long work had to wait because the main thread was held by something else. Milliseconds. */
export interface EventLoopStats {
  readonly delayMsMaxLastMinute: number;
  readonly delayMsMax: number;
  /** Seconds since the start in which the loop was held longer than EVENT_LOOP_STALL_MS. */
  readonly stalls: number;
}

/**
 * Watches the event loop of the main thread, which every request passes: what holds it holds everyone. A process that
 * gets no processor time looks the same as one that is busy.
 */
export class EventLoopWatch {
  readonly #probes = monitorEventLoopDelay({ resolution: PROBE_MS });
  readonly #lastMinute: number[] = [];
  #max = 0;
  #stalls = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Keeps no process alive. */
  start(): void {
    this.#probes.enable();
    this.#timer = setInterval(() => this.#sum(), SUM_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#probes.disable();
  }

  stats(): EventLoopStats {
    const now = this.#probed();
    return {
      delayMsMaxLastMinute: Math.max(now, ...this.#lastMinute),
      delayMsMax: Math.max(now, this.#max),
      stalls: this.#stalls + (now > EVENT_LOOP_STALL_MS ? 1 : 0),
    };
  }

  #sum(): void {
    const max = this.#probed();
    this.#probes.reset();
    this.#max = Math.max(this.#max, max);
    if (max > EVENT_LOOP_STALL_MS) this.#stalls += 1;
    this.#lastMinute.push(max);
    if (this.#lastMinute.length > SUMS_KEPT) this.#lastMinute.shift();
  }

  /** The longest delay since the last sum; a histogram without values says 0 or less. */
  #probed(): number {
    return Math.max(0, this.#probes.max / 1e6 - PROBE_MS);
  }
}
