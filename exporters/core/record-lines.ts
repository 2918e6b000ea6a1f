import type { PartBody } from "./exporter.js";
import { inflatePayload } from "./payload.js";

/** The changes of a part of signal `records`, one JSON object each, as the journal has them. Throws CF_OTLP_MALFORMED. */
export function recordLines(body: PartBody): string[] {
  if (body.kind === "data") throw new Error("records are not decoded on their way");
  const text = Buffer.from(inflatePayload(body.encoding, body.payload)).toString("utf8");
  return text.split("\n").filter((line) => line !== "");
}

/** The body of a part with these changes. */
export function recordsBody(lines: readonly string[]): PartBody {
  return { kind: "bytes", encoding: "identity", payload: Buffer.from(`${lines.join("\n")}\n`) };
}
