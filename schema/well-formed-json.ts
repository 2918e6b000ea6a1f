/**
 * JSON text that DuckDB reads, too, out of what `JSON.stringify` wrote: half a surrogate pair, which texts that were cut have,
 * becomes U+FFFD, as it does in UTF-8. One such text makes every query fail that looks into a column's JSON.
 */
export function wellFormedJson(text: string): string {
  if (!text.includes("\\ud")) return text;
  // JSON.stringify escapes no other surrogates; a backslash in a text is two, which are passed over together.
  return text.replaceAll(/\\(?:ud[89a-f][0-9a-f]{2}|.)/g, (escape) =>
    escape.length === 6 ? "\ufffd" : escape,
  );
}
