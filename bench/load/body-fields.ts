/**
 * Where a request body's trace ids and times lie. A load that repeated its bodies as they are would send the same
 * spans again and again, which a store rightly treats as redelivery, and times that repeat would compress too well.
 */
export interface BodyFields {
  /** Offset of each span's trace id: its first four bytes may be changed, alike for equal ids. */
  readonly ids: Uint32Array;
  /** Offset of the upper half (four bytes, little-endian) of each time: one step there is 2^32 ns, 4.3 s. */
  readonly times: Uint32Array;
  /** Largest upper half of a time in the body. */
  readonly lastTime: number;
  readonly spans: number;
}

const LENGTH_DELIMITED = 2;
const FIXED64 = 1;
const FIXED32 = 5;
const TRACE_ID = 1;
const EVENT = 11;
const TIME_FIELDS: readonly number[] = [7, 8];

/** A reader of protobuf's wire format for bodies that this benchmark encoded itself: no checks. */
class Walker {
  pos = 0;

  constructor(readonly bytes: Uint8Array) {}

  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.bytes[this.pos++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  }

  /** Calls `visit` with field number, wire type, and where the value starts and ends. */
  fields(end: number, visit: (field: number, type: number, start: number, stop: number) => void): void {
    while (this.pos < end) {
      const tag = this.varint();
      const type = tag & 7;
      let start = this.pos;
      if (type === LENGTH_DELIMITED) {
        const length = this.varint();
        start = this.pos;
        this.pos += length;
      } else if (type === FIXED64) this.pos += 8;
      else if (type === FIXED32) this.pos += 4;
      else this.varint();
      const stop = this.pos;
      visit(tag >>> 3, type, start, stop);
      this.pos = stop;
    }
  }

  inside(start: number, stop: number, visit: Parameters<Walker["fields"]>[1]): void {
    this.pos = start;
    this.fields(stop, visit);
  }
}

/** Finds the fields of a trace request: request > resource spans (1) > scope spans (2) > span (2). */
export function findBodyFields(body: Uint8Array): BodyFields {
  const ids: number[] = [];
  const times: number[] = [];
  const walker = new Walker(body);
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let lastTime = 0;
  const time = (at: number): void => {
    times.push(at + 4);
    lastTime = Math.max(lastTime, view.getUint32(at + 4, true));
  };
  const span = (field: number, type: number, start: number, stop: number): void => {
    if (field === TRACE_ID) ids.push(start);
    else if (type === FIXED64 && TIME_FIELDS.includes(field)) time(start);
    else if (field === EVENT)
      walker.inside(start, stop, (of, kind, at) => void (of === 1 && kind === FIXED64 && time(at)));
  };
  const below =
    (wanted: number, visit: typeof span): typeof span =>
    (field, _type, start, stop) => {
      if (field === wanted) walker.inside(start, stop, visit);
    };
  walker.inside(0, body.length, below(1, below(2, below(2, span))));
  return { ids: Uint32Array.from(ids), times: Uint32Array.from(times), lastTime, spans: ids.length };
}
