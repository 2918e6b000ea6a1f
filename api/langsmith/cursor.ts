import { UNIX_NANO_MAX } from "../../schema/index.js";
import { badField } from "./replies.js";

/** Where the next page of a list goes on: after the thing of this time and id. */
export interface PagePlace {
  /** Nanoseconds since 1970, as text. */
  readonly time: string;
  readonly id: string;
}

/** A place as clients carry it; they never look into it. */
export function cursorOf({ time, id }: PagePlace): string {
  return Buffer.from(`${time} ${id}`).toString("base64url");
}

/** The place that a cursor is. Throws 422 for one that this server did not give. */
export function placeOf(cursor: unknown): PagePlace {
  const text = typeof cursor === "string" ? Buffer.from(cursor, "base64url").toString("utf8") : "";
  const match = /^(\d{1,19}) (.+)$/s.exec(text);
  const [, time = "", id = ""] = match ?? [];
  if (match === null || BigInt(time) > UNIX_NANO_MAX)
    throw badField(["cursor"], "is not one that this server gave");
  return { time, id };
}

/** `page_size` of a body or query. Throws 422. */
export function pageSizeOf(
  value: unknown,
  { most, usual }: { readonly most: number; readonly usual: number },
): number {
  if (value === undefined || value === null) return usual;
  const size = typeof value === "string" ? Number(value) : value;
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1 || size > most) {
    throw badField(["page_size"], `must be a whole number from 1 to ${most}`);
  }
  return size;
}
