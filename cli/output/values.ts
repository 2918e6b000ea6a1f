/** How times, sizes, tokens and money are written for people. Every function is pure and its unit is in its name. */

const count = new Intl.NumberFormat("en-US");

/** A whole number with thousands separators: `12,345`. */
export function formatCount(value: number | bigint): string {
  return count.format(value);
}

/** A duration: `850 µs`, `12.3 ms`, `1.20 s`, `2m 05s`, `1h 02m`. */
export function formatDurationNs(ns: number): string {
  if (!Number.isFinite(ns)) return "?";
  if (ns < 0) return `-${formatDurationNs(-ns)}`;
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 999.5e3) return `${Math.round(ns / 1e3)} µs`;
  if (ns < 9.995e6) return `${(ns / 1e6).toFixed(2)} ms`;
  if (ns < 99.95e6) return `${(ns / 1e6).toFixed(1)} ms`;
  if (ns < 999.5e6) return `${Math.round(ns / 1e6)} ms`;
  if (ns < 59.995e9) return `${(ns / 1e9).toFixed(2)} s`;
  const seconds = Math.round(ns / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${String(seconds % 60).padStart(2, "0")}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h ${String(minutes % 60).padStart(2, "0")}m`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** A size in binary units: `512 B`, `3.4 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(value < 10 ? 1 : 0)} ${BYTE_UNITS[unit] ?? ""}`;
}

/** US dollars with enough digits to tell one cheap call from another: `$0.000123`, `$0.0450`, `$12.30`. */
export function formatUsd(usd: number): string {
  const size = Math.abs(usd);
  if (size === 0) return "$0";
  if (size < 1e-6) return usd < 0 ? ">-$0.000001" : "<$0.000001";
  if (size >= 1) return `$${usd.toFixed(2)}`;
  if (size >= 0.01) return `$${usd.toFixed(4)}`;
  return `$${Number(usd.toPrecision(3)).toFixed(Math.min(12, 2 - Math.floor(Math.log10(size))))}`;
}

/** Tokens in and out, whichever are known: `1,310 → 45 tokens`, `24 tokens in`. Empty when neither is. */
export function formatTokens(input: number | string | null, output: number | string | null): string {
  if (input !== null && output !== null) {
    return `${formatCount(Number(input))} → ${formatCount(Number(output))} tokens`;
  }
  if (input !== null) return `${formatCount(Number(input))} tokens in`;
  return output === null ? "" : `${formatCount(Number(output))} tokens out`;
}
