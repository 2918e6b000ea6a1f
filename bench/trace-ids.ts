import { decodeOtlp } from "../schema/index.js";

/**
 * Where trace ids lie in a request, `shift` bytes further than in its body. A load that repeated its bodies as they are
 * would send the same spans again and again, which a store rightly treats as redelivery.
 */
export function traceIdOffsets(body: Uint8Array, shift: number): Uint32Array {
  const ids = new Set<string>();
  for (const { scopeSpans } of decodeOtlp("traces", body).resourceSpans) {
    for (const { spans } of scopeSpans) for (const span of spans) ids.add(span.traceId);
  }
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const offsets: number[] = [];
  for (const id of ids) {
    const wanted = Buffer.from(id, "hex");
    for (let at = bytes.indexOf(wanted); at >= 0; at = bytes.indexOf(wanted, at + 16))
      offsets.push(at + shift);
  }
  return Uint32Array.from(offsets);
}

let round = 0;

/** Changes every trace id in place, alike for equal ids, to values not sent before. */
export function freshenTraceIds(request: Buffer, offsets: Uint32Array): void {
  round = (round + 1) >>> 0;
  for (const at of offsets)
    request.writeUInt32LE((request.readUInt32LE(at) ^ Math.imul(round, 0x9e3779b1)) >>> 0, at);
}
