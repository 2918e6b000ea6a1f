import { fit, inert } from "./text.js";
import { formatBytes, formatCount, formatDurationNs } from "./values.js";

/** A progress line that may be updated as often as one likes. */
export interface Progress {
  /** `total` is unknown when absent; `what` names the part of the work that the figures are about. */
  update(done: number, total?: number, what?: string): void;
  /** Takes the line away. Safe to call twice. */
  end(): void;
}

/** Where the line goes. */
export interface ProgressOptions {
  readonly label: string;
  readonly stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** The line appears only when the work takes longer than this. */
  readonly delayMs?: number;
  /** What is counted: with a unit, the rate and the time left are shown. */
  readonly unit?: "bytes" | "things";
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
  let startedAt = performance.now();
  let state: { done: number; total?: number | undefined; what?: string | undefined } = { done: 0 };
  let shown = false;
  const draw = (): void => {
    const elapsedMs = performance.now() - startedAt;
    if (!shown && elapsedMs < (options.delayMs ?? DELAY_MS)) return;
    shown = true;
    const name = state.what === undefined ? label : `${label} ${inert(state.what)}`;
    const line = progressLine(name, { ...state, unit: options.unit }, elapsedMs);
    stream.write(`\r\u001b[2K${fit(line, (stream.columns ?? 80) - 1)}`);
  };
  const timer = setInterval(draw, FRAME_MS);
  timer.unref();
  return {
    update: (done, total, what) => {
      // Rate and time left are those of the part.
      if (what !== state.what && state.what !== undefined) startedAt = performance.now();
      state = { done, total, what };
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
  state: { done: number; total?: number | undefined; unit?: ProgressOptions["unit"] },
  elapsedMs: number,
): string {
  const seconds = `${(elapsedMs / 1000).toFixed(0)} s`;
  const { done, total } = state;
  if (total === undefined || total <= 0) return `${label}  ${done > 0 ? `${done}  ` : ""}${seconds}`;
  const share = Math.min(1, Math.max(0, done / total));
  const full = Math.round(share * BAR_CELLS);
  const bar = "█".repeat(full) + "░".repeat(BAR_CELLS - full);
  if (state.unit !== undefined) {
    const shown = state.unit === "bytes" ? formatBytes : formatCount;
    const left = done > 0 ? formatDurationNs(Math.max(0, (elapsedMs * 1e6 * (total - done)) / done)) : "?";
    const rate = shown(Math.round((done / Math.max(1, elapsedMs)) * 1000));
    return `${label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)}%  ${shown(done)} of ${shown(total)}, ${rate}/s, ${left} left`;
  }
  return `${label}  ${bar} ${String(Math.floor(share * 100)).padStart(3)}%  ${done}/${total}  ${seconds}`;
}
