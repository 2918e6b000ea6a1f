import { nameUuid } from "../../schema/index.js";

/** Namespaces of the ids of pins and tags: a trace is pinned once, a run has a tag once, whoever does it (I6). */
const PIN_IDS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e1a";
const TAG_IDS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e1b";

/** Id of the pin of a trace, 32 hex digits. */
export function pinIdOf(traceId: string): string {
  return nameUuid(PIN_IDS, traceId);
}

/** Id of a tag of a run. */
export function runTagIdOf(
  { traceId, spanId }: { readonly traceId: string; readonly spanId: string },
  tag: string,
): string {
  return nameUuid(TAG_IDS, `${traceId}/${spanId}/${tag}`);
}
