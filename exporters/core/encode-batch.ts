import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { encodeOtlp, type Signal, type SignalData } from "../../schema/index.js";
import { type ExportBatch, telemetrySignal } from "./exporter.js";
import { inflatePayload } from "./payload.js";

const gzipAsync = promisify(gzip);

/** Fast rather than small: the traffic is text that even level 3 shrinks several times. */
const GZIP_LEVEL = 3;

/** A request body and how it is compressed; no `encoding` means not at all. */
export interface EncodedBody {
  readonly body: Uint8Array;
  readonly encoding?: string;
}

/**
 * The batch as one OTLP protobuf message. Stored payloads go out byte for byte: a single one in its own encoding;
 * several are joined, because concatenated protobuf messages are one message with all their items. Only what has to be
 * encoded anew is compressed.
 */
export async function encodeBatch(batch: ExportBatch, compression: "gzip" | "none"): Promise<EncodedBody> {
  const [first] = batch.parts;
  if (batch.parts.length === 1 && first?.body.kind === "bytes") {
    const { encoding, payload } = first.body;
    return encoding === "identity" ? { body: payload } : { body: payload, encoding };
  }
  const bodies = batch.parts.map((part) =>
    part.body.kind === "data"
      ? encodeOtlp(telemetrySignal(batch), part.body.data)
      : inflatePayload(part.body.encoding, part.body.payload),
  );
  const stored = batch.parts.every((part) => part.body.kind === "bytes");
  return compress(Buffer.concat(bodies), stored ? "none" : compression);
}

/** Objects as one OTLP protobuf message. */
export function encodeObjects<S extends Signal>(
  signal: S,
  objects: readonly SignalData[S][],
  compression: "gzip" | "none",
): Promise<EncodedBody> {
  return compress(Buffer.concat(objects.map((data) => encodeOtlp(signal, data))), compression);
}

/** Compresses a body when the settings say so. */
export async function compress(body: Uint8Array, compression: "gzip" | "none"): Promise<EncodedBody> {
  if (compression === "none") return { body };
  return { body: await gzipAsync(body, { level: GZIP_LEVEL }), encoding: "gzip" };
}
