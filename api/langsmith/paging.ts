import { badField } from "./replies.js";

/** Things in one page. */
export const PAGE_MAX = 100;

/** `limit`, at most `most` and by default that many, and `offset` of a query. Throws 422. */
export function pageLimits(
  query: URLSearchParams,
  most = PAGE_MAX,
): { readonly limit: number; readonly offset: number } {
  return {
    limit: Math.min(wholeNumber(query, "limit", most), most),
    offset: wholeNumber(query, "offset", 0),
  };
}

/** The page of a list that a query asks for. */
export function pageOf<T>(query: URLSearchParams, list: readonly T[]): T[] {
  const { limit, offset } = pageLimits(query);
  return list.slice(offset, offset + limit);
}

function wholeNumber(query: URLSearchParams, name: string, fallback: number): number {
  const text = query.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw badField(["query", name], "must be a whole number");
  return value;
}

/** A cursor of version 2 for lists that are read by offset. */
export function encodeOffset(offset: number): string {
  return Buffer.from(String(offset)).toString("base64url");
}

/** The offset of a cursor that {@link encodeOffset} gave; 0 for none. Throws 422. */
export function decodeOffset(cursor: unknown, where: readonly string[]): number {
  if (cursor === undefined || cursor === null || cursor === "") return 0;
  const text = typeof cursor === "string" ? Buffer.from(cursor, "base64url").toString("utf8") : "";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badField(where, "is not one that this server gave");
}
