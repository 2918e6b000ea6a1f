import { WIRE_BYTES, WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

/** Levels above an item: the request's resources, and their scopes. */
const ITEM_LEVEL = 2;
/** In a request field 1 holds the resources, in a resource field 2 the scopes, in a scope field 2 the items. */
const CONTENT_NUMBERS = [1, 2, 2];

/**
 * Copies a valid traces or logs request without the items whose tags are at the given offsets. Only the lengths of the
 * messages around a cut item change; every other byte, unknown fields included, stays.
 */
export function cutItems(body: Uint8Array, cutAt: ReadonlySet<number>): Uint8Array {
  const reader = new WireReader(body);
  const parts: Uint8Array[] = [];
  copyMessage(reader, { level: 0, cutAt, parts });
  return new Uint8Array(Buffer.concat(parts));
}

interface Copy {
  readonly level: number;
  readonly cutAt: ReadonlySet<number>;
  readonly parts: Uint8Array[];
}

function copyMessage(reader: WireReader, { level, cutAt, parts }: Copy): void {
  while (reader.more()) {
    const at = reader.pos;
    const tag = reader.tag();
    const afterTag = reader.pos;
    if (tag >>> 3 !== CONTENT_NUMBERS[level] || (tag & 7) !== WIRE_BYTES) {
      reader.skip(tag & 7);
      parts.push(reader.bytes.subarray(at, reader.pos));
      continue;
    }
    const outer = reader.enter();
    const { pos: start, limit: end } = reader;
    if (level === ITEM_LEVEL) {
      if (!cutAt.has(at)) parts.push(reader.bytes.subarray(at, end));
    } else {
      const inner: Uint8Array[] = [];
      copyMessage(reader, { level: level + 1, cutAt, parts: inner });
      const size = inner.reduce((total, part) => total + part.length, 0);
      if (size === end - start) parts.push(reader.bytes.subarray(at, end));
      else parts.push(reader.bytes.subarray(at, afterTag), encodedLength(size), ...inner);
    }
    reader.pos = end;
    reader.leave(outer);
  }
}

function encodedLength(size: number): Uint8Array {
  const writer = new WireWriter();
  writer.varint(size);
  return writer.finish();
}
