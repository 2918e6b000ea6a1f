import { createHash, hash } from "node:crypto";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** Runs that are OpenTelemetry spans: the span id, padded with zeros. */
const PADDED = /^00000000-0000-0000-([0-9a-f]{4})-([0-9a-f]{12})$/;

/** Whether a value is a UUID of any version, in lower or upper case. */
export function isRunId(value: unknown): value is string {
  return typeof value === "string" && UUID.test(value);
}

const HEX = new Uint8Array(256);
for (const char of "0123456789abcdefABCDEF") HEX[char.charCodeAt(0)] = 1;
export const UUID_CHARS = 36;
const DASH = 45;

/** Whether a UUID's 36 characters are there in ASCII. */
export function isUuidAt(bytes: Uint8Array, start: number): boolean {
  for (let at = 0; at < UUID_CHARS; at++) {
    const isDash = at === 8 || at === 13 || at === 18 || at === 23;
    if (isDash ? bytes[start + at] !== DASH : HEX[bytes[start + at] as number] !== 1) return false;
  }
  return true;
}

/** The OTLP trace id of a LangSmith trace: the same 16 bytes. `traceRunId` is a UUID. */
export function runTraceId(traceRunId: string): string {
  return traceRunId.toLowerCase().replaceAll("-", "");
}

/**
 * The OTLP span id of a run. A run that is an OpenTelemetry span has that span's id in its own; any other gets 8 bytes of
 * its id's SHA-256. (A UUIDv7's own bytes would not do: the first half is the time, so runs of one moment would collide.)
 */
export function runSpanId(runId: string): string {
  const id = runId.toLowerCase();
  const known = spanIds.get(id);
  if (known !== undefined) return known;
  const padded = PADDED.exec(id);
  const spanId = padded === null ? hash("sha256", id, "hex").slice(0, 16) : `${padded[1]}${padded[2]}`;
  // Children of a run name it again within a moment.
  if (spanIds.size === SPAN_IDS_MAX) spanIds.clear();
  spanIds.set(id, spanId);
  return spanId;
}

const SPAN_IDS_MAX = 4_096;
const spanIds = new Map<string, string>();

/** A version 5 UUID (RFC 9562): the same name in the same namespace is always the same id. */
export function nameUuid(namespace: string, name: string): string {
  const digest = createHash("sha1")
    .update(Buffer.from(namespace.replaceAll("-", ""), "hex"))
    .update(name, "utf8")
    .digest();
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    "-",
  );
}
