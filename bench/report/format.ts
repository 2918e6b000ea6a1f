import { isMet, type Floor, type Row } from "../scenario.js";

/** A figure with as many digits as it deserves. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (size >= 100) return value.toFixed(0);
  return size >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** `>= 75,000`, or nothing. */
export function targetText(row: Row): string {
  if (row.target === undefined) return "";
  return `${row.target.at === "least" ? ">=" : "<="} ${figure(row.target.value)}`;
}

/** `met`, `missed` or nothing. */
export function metText(row: Row): string {
  const met = isMet(row);
  if (met === undefined) return "";
  return met ? "met" : "missed";
}

/** `310,224 (24 %)`: the floor, and the value's share of it. */
export function floorText(row: Row, floor: Floor): string {
  const share = floor.value === 0 ? Number.NaN : row.value / floor.value;
  const ratio = share >= 2 ? `${figure(share)}x` : `${(100 * share).toFixed(0)} %`;
  return `${floor.name}: ${figure(floor.value)} (${ratio})`;
}
