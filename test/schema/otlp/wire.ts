/** Hand-made protobuf bytes for tests: written apart from the codec, so that a fault there can't hide here. */

/** An unsigned integer as a varint. */
export function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Uint8Array.from([...bytes, Number(rest)]);
}

/** Bytes joined. */
export function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** A length-delimited field: text, bytes or a nested message. */
export function bytesField(number: number, ...content: readonly (Uint8Array | string)[]): Uint8Array {
  const body = join(...content.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  return join(varint(number * 8 + 2), varint(body.length), body);
}

/** A varint field. */
export function varintField(number: number, value: number | bigint): Uint8Array {
  return join(varint(number * 8), varint(value));
}

/** An 8-byte field, from its bytes in wire order. */
export function fixed64Field(number: number, bytes: Uint8Array): Uint8Array {
  return join(varint(number * 8 + 1), bytes);
}

/** A double in wire order. */
export function doubleBytes(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return new Uint8Array(bytes);
}

/** An unsigned 64-bit integer in wire order. */
export function uint64Bytes(value: bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return new Uint8Array(bytes);
}

const TRACE_ID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);
const SPAN_ID = Uint8Array.from({ length: 8 }, (_, index) => index + 1);

/** A span of valid ids with more fields. */
export function span(...fields: readonly Uint8Array[]): Uint8Array {
  return bytesField(2, bytesField(1, TRACE_ID), bytesField(2, SPAN_ID), ...fields);
}

/** A traces request holding the given span fields (see {@link span}) in one scope. */
export function tracesRequest(...spans: readonly Uint8Array[]): Uint8Array {
  return bytesField(1, bytesField(2, ...spans));
}

/** An attribute of a span whose AnyValue has the given bytes. */
export function attribute(key: string, value: Uint8Array): Uint8Array {
  return bytesField(9, bytesField(1, key), bytesField(2, value));
}

/** An AnyValue of `depth` arrays inside each other. */
export function nestedArrays(depth: number): Uint8Array {
  return nested(depth, bytesField(1, "x"), (size) => {
    const item = fieldHead(1, size);
    return [item, fieldHead(5, item.length + size)];
  });
}

/** An AnyValue of `depth` key-value lists inside each other. */
export function nestedMaps(depth: number): Uint8Array {
  const key = bytesField(1, "k");
  return nested(depth, varintField(3, 7), (size) => {
    const pair = join(key, fieldHead(2, size));
    const item = fieldHead(1, pair.length + size);
    return [pair, item, fieldHead(6, item.length + pair.length + size)];
  });
}

/** What stands before `size` bytes of a length-delimited field. */
function fieldHead(number: number, size: number): Uint8Array {
  return join(varint(number * 8 + 2), varint(size));
}

/** Heads around `inner`, innermost first, joined once: copying at each level would take quadratic time. */
function nested(depth: number, inner: Uint8Array, headsOf: (size: number) => Uint8Array[]): Uint8Array {
  const parts = [inner];
  let size = inner.length;
  for (let level = 0; level < depth; level++) {
    for (const head of headsOf(size)) {
      parts.push(head);
      size += head.length;
    }
  }
  return join(...parts.reverse());
}
