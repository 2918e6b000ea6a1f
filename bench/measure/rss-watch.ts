import { processUsage, treeMemoryBytes, treeUsage } from "./process-usage.js";

const MIB = 1024 * 1024;
const INTERVAL_MS = 250;

/** Resident memory over a time. */
export interface RssSummary {
  readonly maxMib: number;
  readonly lastMib: number;
  /** The server with its children (sealing, compaction, queries). */
  readonly treeMaxMib: number;
  /** Straight line through the second half of the samples, MiB a minute: what grows without end. */
  readonly slopeMibPerMinute: number;
  /** The same for the server with its children. */
  readonly treeSlopeMibPerMinute: number;
  readonly samples: number;
}

/** Samples a process's memory until it is stopped. */
export class RssWatch {
  readonly #samples: { ms: number; mib: number; tree: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  readonly #pid: number;
  readonly #treeBytes: (pid: number) => number;

  /** With `sharedOnce` pages that processes share count once in the figures of the tree, and not for each. */
  constructor(pid: number, { sharedOnce = false } = {}) {
    this.#pid = pid;
    this.#treeBytes = sharedOnce ? treeMemoryBytes : (root) => treeUsage(root).rssBytes;
    this.#sample();
    this.#timer = setInterval(() => this.#sample(), INTERVAL_MS);
  }

  #sample(): void {
    try {
      const mib = processUsage(this.#pid).rssBytes / MIB;
      this.#samples.push({ ms: performance.now(), mib, tree: this.#treeBytes(this.#pid) / MIB });
    } catch {
      // The process has ended.
    }
  }

  stop(): RssSummary {
    clearInterval(this.#timer);
    this.#sample();
    const late = this.#samples.slice(Math.floor(this.#samples.length / 2));
    return {
      maxMib: Math.max(0, ...this.#samples.map(({ mib }) => mib)),
      lastMib: this.#samples.at(-1)?.mib ?? 0,
      treeMaxMib: Math.max(0, ...this.#samples.map(({ tree }) => tree)),
      slopeMibPerMinute: slope(late.map(({ ms, mib }) => [ms / 60_000, mib])),
      treeSlopeMibPerMinute: slope(late.map(({ ms, tree }) => [ms / 60_000, tree])),
      samples: this.#samples.length,
    };
  }
}

/** Least squares. 0 for fewer than three points. */
export function slope(points: readonly (readonly [number, number])[]): number {
  if (points.length < 3) return 0;
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const x = mean(points.map(([at]) => at));
  const y = mean(points.map(([, value]) => value));
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  const below = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  return below === 0 ? 0 : above / below;
}
