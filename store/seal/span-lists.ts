import { EVALUATION_EVENT } from "../../schema/index.js";
import type { AnyJsonWriter } from "./any-json.js";
import type { TextVector } from "./column-batch.js";
import { JsonObject } from "./json-object.js";
import { IN_SCRATCH, repairedUtf8, type Scratch, validUtf8 } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

const EXCEPTION = Buffer.from("exception");
const EXCEPTION_TYPE = Buffer.from("exception.type");
const EVALUATION = Buffer.from(EVALUATION_EVENT);
const TAG_ATTRIBUTES_OF_EVENT = 26;
const TAG_ATTRIBUTES_OF_LINK = 34;

interface Range {
  start: number;
  end: number;
}

/**
 * Events and links of one span as JSON arrays. Their ranges are collected while the span is walked and written at its
 * end, because each array must be in one piece and they may come interleaved.
 */
export class SpanLists {
  exact = true;
  /** Whether an event came that is more than an exception: it may hold what was said. */
  hasContent = false;
  /** Whether an event came that may be the result of an evaluation. */
  hasEvaluation = false;
  readonly #events: Range[] = [];
  readonly #links: Range[] = [];
  readonly #exception: Range = { start: -1, end: -1 };

  constructor(
    readonly reader: WireReader,
    readonly scratch: Scratch,
    readonly json: AnyJsonWriter,
  ) {}

  get hasEvents(): boolean {
    return this.#events.length > 0;
  }

  reset(): void {
    this.exact = true;
    this.hasContent = false;
    this.hasEvaluation = false;
    // Setting a length is a slow call, and most spans have neither.
    if (this.#events.length > 0) this.#events.length = 0;
    if (this.#links.length > 0) this.#links.length = 0;
    this.#exception.start = -1;
  }

  /** Notes an event whose tag was just read. */
  event(limit: number): void {
    const end = this.reader.fieldEnd(limit);
    this.#events.push({ start: this.reader.pos, end });
    if (!this.#isException(end)) {
      this.hasContent = true;
      if (this.#mentionsEvaluation(end)) this.hasEvaluation = true;
    }
    this.reader.pos = end;
  }

  /** Whether the event at the reader's place begins as SDKs write an exception: a time, then that name. */
  #isException(end: number): boolean {
    const { bytes, pos } = this.reader;
    if (pos + 11 + EXCEPTION.length > end || bytes[pos] !== 9 || bytes[pos + 9] !== 18) return false;
    if (bytes[pos + 10] !== EXCEPTION.length) return false;
    return this.#equals({ start: pos + 11, end: pos + 11 + EXCEPTION.length }, EXCEPTION);
  }

  /** Whether the name of the result of an evaluation is anywhere in the event at the reader's place. */
  #mentionsEvaluation(end: number): boolean {
    const { bytes, pos } = this.reader;
    return Buffer.from(bytes.buffer, bytes.byteOffset + pos, end - pos).includes(EVALUATION);
  }

  /** Notes a link whose tag was just read. */
  link(limit: number): void {
    const end = this.reader.fieldEnd(limit);
    this.#links.push({ start: this.reader.pos, end });
    this.reader.pos = end;
  }

  /** Writes both columns of the row. */
  finish(events: TextVector, links: TextVector, row: number): void {
    this.json.exact = true;
    if (this.#events.length > 0) this.#array(events, row, this.#events, this.#event);
    if (this.#links.length > 0) this.#array(links, row, this.#links, this.#link);
    if (!this.json.exact) this.exact = false;
  }

  /** Sets the type of the first exception event, when there was one; call after {@link finish}. */
  exceptionType(vector: TextVector, row: number): void {
    const { start, end } = this.#exception;
    if (start < 0) return;
    const { reader, scratch } = this;
    reader.pos = start;
    if (start === end || reader.varint32() !== 10) return;
    const stop = reader.fieldEnd(end);
    const length = stop - reader.pos;
    if (validUtf8(reader.bytes, reader.pos, length)) vector.set(row, reader.pos, length);
    else {
      const repaired = repairedUtf8(reader.bytes, reader.pos, length);
      vector.set(row, scratch.length + IN_SCRATCH, repaired.length);
      scratch.copy(repaired, 0, repaired.length);
    }
  }

  #array(vector: TextVector, row: number, items: readonly Range[], write: (item: Range) => void): void {
    const { scratch } = this;
    const start = scratch.length;
    scratch.ascii("[");
    for (const [index, item] of items.entries()) {
      if (index > 0) scratch.ascii(",");
      write(item);
    }
    scratch.ascii("]");
    vector.set(row, start + IN_SCRATCH, scratch.length - start);
  }

  readonly #event = (item: Range): void => {
    const { reader, scratch, json } = this;
    const name = { start: 0, end: 0 };
    let dropped = 0;
    let attributes = false;
    let seen = 0;
    let lo = 0;
    let hi = 0;
    reader.pos = item.start;
    while (reader.pos < item.end) {
      const tag = reader.varint32();
      const bit = tag === TAG_ATTRIBUTES_OF_EVENT ? 0 : 1 << (tag >>> 3);
      if (seen & bit) this.exact = false;
      seen |= bit;
      if (tag === 9) {
        reader.fixed64();
        ({ lo, hi } = reader);
      } else if (tag === 18) this.#range(name, item.end);
      else if (tag === TAG_ATTRIBUTES_OF_EVENT) {
        attributes = true;
        reader.pos = reader.fieldEnd(item.end);
      } else if (tag === 32) dropped = this.#uint32();
      else this.#unknown(tag, item.end);
    }
    this.#closed(item.end);
    const object = new JsonObject(scratch);
    object.key("time_unix_nano").ascii('"');
    scratch.uint64(lo, hi);
    scratch.ascii('"');
    object.key("name");
    this.#jsonString(name);
    if (attributes) {
      const isException = this.#equals(name, EXCEPTION) && this.#exception.start < 0;
      object.key("attributes");
      json.attributes(
        item.start,
        item.end,
        TAG_ATTRIBUTES_OF_EVENT,
        isException ? this.#seeException : undefined,
      );
    }
    if (dropped !== 0) object.key("dropped_attributes_count").unsigned(dropped);
    object.close();
  };

  readonly #seeException = (keyOffset: number, keyLength: number, start: number, end: number): void => {
    if (!this.#equals({ start: keyOffset, end: keyOffset + keyLength }, EXCEPTION_TYPE)) return;
    this.#exception.start = start;
    this.#exception.end = end;
  };

  readonly #link = (item: Range): void => {
    const { reader, scratch, json } = this;
    const ids: [Range, Range] = [
      { start: 0, end: 0 },
      { start: 0, end: 0 },
    ];
    const traceState = { start: 0, end: 0 };
    let dropped = 0;
    let flags = 0;
    let attributes = false;
    let seen = 0;
    reader.pos = item.start;
    while (reader.pos < item.end) {
      const tag = reader.varint32();
      const bit = tag === TAG_ATTRIBUTES_OF_LINK ? 0 : 1 << (tag >>> 3);
      if (seen & bit) this.exact = false;
      seen |= bit;
      if (tag === 10 || tag === 18) this.#range(ids[tag === 10 ? 0 : 1], item.end);
      else if (tag === 26) this.#range(traceState, item.end);
      else if (tag === TAG_ATTRIBUTES_OF_LINK) {
        attributes = true;
        reader.pos = reader.fieldEnd(item.end);
      } else if (tag === 40) dropped = this.#uint32();
      else if (tag === 53) flags = reader.fixed32();
      else this.#unknown(tag, item.end);
    }
    this.#closed(item.end);
    const object = new JsonObject(scratch);
    for (const [index, name] of ["trace_id", "span_id"].entries()) {
      const id = ids[index] ?? traceState;
      object.key(name).ascii('"');
      scratch.hex(reader.bytes, id.start, id.end - id.start);
      scratch.ascii('"');
    }
    if (traceState.end > traceState.start) {
      object.key("trace_state");
      this.#jsonString(traceState);
    }
    if (attributes) {
      object.key("attributes");
      json.attributes(item.start, item.end, TAG_ATTRIBUTES_OF_LINK);
    }
    if (dropped !== 0) object.key("dropped_attributes_count").unsigned(dropped);
    if (flags !== 0) object.key("flags").unsigned(flags);
    object.close();
  };

  #range(range: Range, limit: number): void {
    range.end = this.reader.fieldEnd(limit);
    range.start = this.reader.pos;
    this.reader.pos = range.end;
  }

  #uint32(): number {
    if (!this.reader.varint64()) this.exact = false;
    return this.reader.lo;
  }

  #unknown(tag: number, limit: number): void {
    this.exact = false;
    this.reader.skip(tag, limit);
  }

  #closed(end: number): void {
    if (this.reader.pos !== end) throw malformed("a field longer than the message it is in", end);
  }

  #jsonString(range: Range): void {
    if (!this.scratch.jsonString(this.reader.bytes, range.start, range.end - range.start)) this.exact = false;
  }

  #equals(range: Range, text: Uint8Array): boolean {
    if (range.end - range.start !== text.length) return false;
    for (let i = 0; i < text.length; i++) if (this.reader.bytes[range.start + i] !== text[i]) return false;
    return true;
  }
}
