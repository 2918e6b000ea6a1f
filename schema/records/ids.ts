/** A trace id, also in the form of a UUID, as 32 lowercase hex digits; undefined when it is none. */
export function traceIdOf(text: unknown): string | undefined {
  if (typeof text !== "string") return undefined;
  const hex = text.replaceAll("-", "").toLowerCase();
  return /^[0-9a-f]{32}$/.test(hex) ? hex : undefined;
}

/** A span id as 16 lowercase hex digits; undefined when it is none. */
export function spanIdOf(text: unknown): string | undefined {
  return typeof text === "string" && /^[0-9a-f]{16}$/i.test(text) ? text.toLowerCase() : undefined;
}

/** A UUID, with or without hyphens, in lower case with them; undefined when it is none. */
export function uuidOf(text: unknown): string | undefined {
  const hex = traceIdOf(text);
  return hex === undefined ? undefined : hexToUuid(hex);
}

/** 32 hex digits with the hyphens of a UUID. */
export function hexToUuid(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const PADDED_SPAN_ID = /^0{8}-0{4}-0{4}-([0-9a-f]{4})-([0-9a-f]{12})$/;

/** The span id within a LangSmith run id that was computed from it (invariant I6); undefined for any other run id. */
export function spanIdOfRunId(runId: string | undefined): string | undefined {
  const found = PADDED_SPAN_ID.exec(runId ?? "");
  return found === null ? undefined : `${found[1]}${found[2]}`;
}
