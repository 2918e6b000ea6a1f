import { fit } from "./text.js";
import { formatBytes, formatDurationNs } from "./values.js";

/** A progress line that may be updated as often as one likes. */
export interface Progress {
  /** `total` is unknown when absent. */
  update(done: number, total?: number): void;
  /** Takes the line away. Safe to call twice. */
  end(): void;
}

/** Where the line goes. */
export interface ProgressOptions {
  readonly label: string;
  readonly stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** The line appears only when the work takes longer than this. */
  readonly delayMs?: number;
  /** What is counted: `bytes` are shown with their rate and the time left. */
  readonly unit?: "bytes";
}

const DELAY_MS = 2_000;
const FRAME_MS = 100;
const BAR_CELLS = 24;

/**
 * A bar on stderr that appears after two seconds, only on a terminal: scripts and logs never see it. The timer does
 * not keep the process alive.
 */
export function createProgress(options: ProgressOptions): Progress {
  const { label, stream } = options;
  if (stream.isTTY !== true) return { update: () => undefined, end: () => undefined };
  const startedAt = performance.now();
  let state: { done: number; total?: number | undefined } = { done: 0 };
  let shown = false;
  const draw = (): void => {
    const elapsedMs = performance.now() - startedAt;
    if (elapsedMs < (options.delayMs ?? DELAY_MS)) return;
    shown = true;
    stream.write(
      `\r\u001b[2K${fit(progressLine(label, { ...state, unit: options.unit }, elapsedMs), (stream.columns ?? 80) - 1)}`,
    );
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  return {
    update: (done, total) => {
      state = { done, total };
    },
    end: () => {
      clearInterval(timer);
      if (shown) stream.write("\r\u001b[2K");
      shown = false;
    },
  };
}

/** The text of the line: a bar and percentage when the total is known, else the count; then the time taken. */
export function progressLine(
  label: string,
  state: { done: number; total?: number | undefined; unit?: "bytes" | undefined },
  elapsedMs: number,
): string {
  const seconds = `${(elapsedMs / 1000).toFixed(0)} s`;
  const { done, total } = state;
  if (total === undefined || total <= 0) return `${label}  ${done > 0 ? `${done}  ` : ""}${seconds}`;
  const share = Math.min(1, Math.max(0, done / total));
  const full = Math.round(share * BAR_CELLS);
  const bar = "█".repeat(full) + "░".repeat(BAR_CELLS - full);
  if (state.unit === "bytes") {
    const left = done > 0 ? formatDurationNs(Math.max(0, (elapsedMs * 1e6 * (total - done)) / done)) : "?";
    const rate = formatBytes(Math.round((done / Math.max(1, elapsedMs)) * 1000));
    return `${label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)}%  ${formatBytes(done)} of ${formatBytes(total)}, ${rate}/s, ${left} left`;
  }
  return `${label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)}%  ${done}/${total}  ${seconds}`;
}
