import type { FileEntry } from "../types.js";

/**
 * A time that about `rows` of the newest spans began after, nanoseconds since 1970, as far as the bounds of the files
 * tell; undefined when there are fewer in all. A guess to look first by: what began after it is all there, however much it is.
 */
export function startOfNewest(
  files: readonly Pick<FileEntry, "table" | "rows" | "minTimeUnixNano" | "maxTimeUnixNano">[],
  rows: number,
): bigint | undefined {
  const bounded = files.flatMap(({ table, rows: count, minTimeUnixNano: min, maxTimeUnixNano: max }) =>
    table !== "spans" || min === null || max === null ? [] : [{ count, from: BigInt(min), to: BigInt(max) }],
  );
  bounded.sort((a, b) => (a.to === b.to ? 0 : a.to < b.to ? 1 : -1));
  let left = rows;
  for (const { count, from, to } of bounded) {
    // As if they had begun evenly over the file's time.
    if (count >= left) return to - ((to - from) * BigInt(left)) / BigInt(count);
    left -= count;
  }
  return undefined;
}
