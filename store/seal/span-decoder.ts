import {
  decodeMessage,
  evaluationsOfSpan,
  type PriceTable,
  RULE_SET_VERSION,
  type StoredChange,
} from "../../schema/index.js";
import { AnyJsonWriter, sameBytes } from "./any-json.js";
import { AttributeList } from "./attribute-list.js";
import type { ColumnBatch, TextVector } from "./column-batch.js";
import { EnvelopeWalker } from "./envelope.js";
import { KEY_JUDGEMENT } from "./key-classes.js";
import { PriceColumns } from "./price-columns.js";
import { IN_SCRATCH, repairedUtf8, validUtf8 } from "./scratch.js";
import type { RecordDecoder, RecordOrigin } from "./record-decoder.js";
import { SpanColumns } from "./span-columns.js";
import { SpanLists } from "./span-lists.js";
import { malformed, WireReader } from "./wire.js";

/** The largest time that TIMESTAMP_NS can say; the one above it means infinity. */
const TIME_HIGH_MAX = 0x7fff_ffff;
const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const STATUS_CODES = ["UNSET", "OK", "ERROR"];

/** Bits for the singular fields of a span, to notice one that comes twice. */
const SEEN_STATUS_CODE = 1 << 20;
const SEEN_STATUS_MESSAGE = 1 << 21;

/**
 * Decodes ExportTraceServiceRequests straight into a batch of the `spans` table: no object and no string per span.
 * Whatever the columns can't carry exactly puts the span's own bytes into the `raw` column.
 */
export class SpanDecoder implements RecordDecoder {
  readonly #reader = new WireReader();
  readonly #walker: EnvelopeWalker;
  readonly #list: AttributeList;
  readonly #columns: SpanColumns;
  readonly #lists: SpanLists;
  readonly #prices: PriceColumns;
  readonly #c;
  readonly #kinds;
  readonly #statuses;
  readonly #source;
  readonly #sourceLangSmith;
  #exact = true;
  #evaluations: StoredChange[] = [];
  #seen = 0;
  #row = 0;
  /** The span at hand. */
  readonly #range = { start: 0, end: 0 };
  /** The last trace id, span id and parent id written: neighbours mostly share the first and the third. */
  readonly #ids = [0, 1, 2].map(() => ({ source: 0, length: -1, offset: 0 }));

  constructor(readonly batch: ColumnBatch) {
    const { scratch } = batch;
    const json = new AnyJsonWriter(this.#reader, scratch);
    this.#walker = new EnvelopeWalker(batch, this.#reader, json);
    this.#list = new AttributeList(this.#reader, scratch);
    this.#columns = new SpanColumns(batch, this.#list, json);
    this.#lists = new SpanLists(this.#reader, scratch, json);
    this.#prices = new PriceColumns(batch);
    this.#kinds = KINDS.map((name) => scratch.constant(name));
    this.#statuses = STATUS_CODES.map((name) => scratch.constant(name));
    this.#source = scratch.constant("otlp");
    this.#sourceLangSmith = scratch.constant("langsmith");
    this.#c = {
      traceId: batch.text("trace_id"),
      spanId: batch.text("span_id"),
      parentSpanId: batch.text("parent_span_id"),
      traceState: batch.text("trace_state"),
      name: batch.text("name"),
      kind: batch.text("kind"),
      start: batch.fixed("start_time"),
      end: batch.fixed("end_time"),
      duration: batch.fixed("duration_ns"),
      statusCode: batch.text("status_code"),
      statusMessage: batch.text("status_message"),
      droppedAttributes: batch.fixed("dropped_attributes_count"),
      droppedEvents: batch.fixed("dropped_events_count"),
      droppedLinks: batch.fixed("dropped_links_count"),
      flags: batch.fixed("flags"),
      events: batch.text("events"),
      links: batch.text("links"),
      errorType: batch.text("error_type"),
      source: batch.text("source"),
      receivedAt: batch.fixed("received_at"),
      seq: batch.fixed("seq"),
      seqIndex: batch.fixed("seq_index"),
      ruleSet: batch.fixed("rule_set_version"),
      raw: batch.text("raw"),
    };
  }

  /** Until then calls are priced by what ships with the product. */
  usePrices(table: PriceTable): void {
    this.#prices.use(table);
  }

  decode(start: number, end: number, origin: RecordOrigin): number {
    const first = this.batch.rows;
    for (const id of this.#ids) id.length = -1;
    // Left over when a request before turned out to be malformed.
    this.#columns.takeNativeRuns();
    if (this.#evaluations.length > 0) this.#evaluations = [];
    this.#walker.walk(start, end, this.#onSpan);
    this.#fillOrigin(first, origin);
    return this.batch.rows - first;
  }

  evaluations(): readonly StoredChange[] {
    return this.#evaluations;
  }

  /** The columns that are the same in all rows of a request, or count them. */
  #fillOrigin(first: number, origin: RecordOrigin): void {
    const { rows } = this.batch;
    const { source, receivedAt, seq, seqIndex, ruleSet } = this.#c;
    source.setAll(first, rows, this.#source.offset, this.#source.length);
    const { offset, length } = this.#sourceLangSmith;
    for (const row of this.#columns.takeNativeRuns()) source.set(row, offset, length);
    receivedAt.fill64(first, rows, origin.receivedUnixNano);
    seq.fill64(first, rows, BigInt(origin.seq));
    for (let row = first; row < rows; row++) {
      seqIndex.setInt32(row, row - first);
      ruleSet.setInt32(row, RULE_SET_VERSION);
    }
  }

  readonly #onSpan = (start: number, end: number, fieldStart: number): void => {
    const row = this.batch.addRow();
    const c = this.#c;
    this.#row = row;
    this.#seen = 0;
    this.#exact = this.#walker.exact;
    this.#list.reset();
    this.#lists.reset();
    const reader = this.#reader;
    while (reader.pos < end) this.#field(reader.varint32(), end);
    if (reader.pos !== end) throw malformed("a field longer than the span it is in", end);
    this.#range.start = start;
    this.#range.end = end;
    if ((this.#list.classes & KEY_JUDGEMENT) !== 0 || this.#lists.hasEvaluation) {
      this.#evaluations.push(...evaluationsOfSpan(decodeMessage("Span", reader.bytes.subarray(start, end))));
    }
    if (!this.#columns.fill(row, this.#range, this.#walker, this.#lists)) this.#exact = false;
    this.#prices.fill(row);
    this.#complete(row);
    this.#lists.finish(c.events, c.links, row);
    if (!this.#lists.exact) this.#exact = false;
    if ((c.errorType.lengths[row] as number) < 0) this.#lists.exceptionType(c.errorType, row);
    if (!this.#exact) {
      const from = this.batch.scratch.length;
      c.raw.set(row, from + IN_SCRATCH, this.#walker.cutOut(fieldStart, end));
    }
    reader.pos = end;
  };

  #field(tag: number, end: number): void {
    const reader = this.#reader;
    const c = this.#c;
    const row = this.#row;
    switch (tag) {
      case 74: {
        const stop = reader.fieldEnd(end);
        if (!this.#list.read(stop)) this.#exact = false;
        reader.pos = stop;
        return;
      }
      case 10:
        return this.#id(c.traceId, 1, end);
      case 18:
        return this.#id(c.spanId, 2, end);
      case 34:
        return this.#id(c.parentSpanId, 4, end);
      case 26:
        return this.#string(c.traceState, 3, end);
      case 42:
        return this.#string(c.name, 5, end);
      case 48:
        this.#once(6);
        return this.#enum(c.kind, this.#kinds);
      case 57:
        this.#once(7);
        return this.#time(c.start);
      case 65:
        this.#once(8);
        return this.#time(c.end);
      case 80:
        return this.#count(c.droppedAttributes, 10);
      case 96:
        return this.#count(c.droppedEvents, 12);
      case 112:
        return this.#count(c.droppedLinks, 14);
      case 90:
        return this.#lists.event(end);
      case 106:
        return this.#lists.link(end);
      case 122:
        this.#once(15);
        return this.#status(reader.fieldEnd(end));
      case 133: {
        this.#once(16);
        const flags = reader.fixed32();
        if (flags !== 0) c.flags.set64(row, flags, 0);
        return;
      }
      default:
        this.#exact = false;
        reader.skip(tag, end);
    }
  }

  /** Notes a singular field; a second one is legal protobuf, but only the raw bytes can tell of both. */
  #once(bit: number): void {
    if (this.#seen & (1 << bit)) this.#exact = false;
    this.#seen |= 1 << bit;
  }

  #id(vector: TextVector, bit: number, end: number): void {
    this.#once(bit);
    const reader = this.#reader;
    const { scratch } = this.batch;
    const stop = reader.fieldEnd(end);
    const length = stop - reader.pos;
    const last = this.#ids[bit >> 1];
    if (last?.length === length && sameBytes(reader.bytes, last.source, reader.pos, length)) {
      vector.set(this.#row, last.offset, length === 0 ? -1 : length * 2);
    } else {
      const offset = scratch.length + IN_SCRATCH;
      vector.set(this.#row, offset, length === 0 ? -1 : length * 2);
      scratch.hex(reader.bytes, reader.pos, length);
      if (last !== undefined) {
        last.source = reader.pos;
        last.length = length;
        last.offset = offset;
      }
    }
    reader.pos = stop;
  }

  #string(vector: TextVector, bit: number, end: number): void {
    this.#once(bit);
    const reader = this.#reader;
    const stop = reader.fieldEnd(end);
    this.#text(vector, reader.pos, stop - reader.pos);
    reader.pos = stop;
  }

  /** Empty is null, except for the name, which every span has. */
  #text(vector: TextVector, offset: number, length: number): void {
    if (length === 0 && vector !== this.#c.name) {
      vector.lengths[this.#row] = -1;
      return;
    }
    if (validUtf8(this.#reader.bytes, offset, length)) {
      vector.set(this.#row, offset, length);
      return;
    }
    this.#exact = false;
    const { scratch } = this.batch;
    const repaired = repairedUtf8(this.#reader.bytes, offset, length);
    vector.set(this.#row, scratch.length + IN_SCRATCH, repaired.length);
    scratch.copy(repaired, 0, repaired.length);
  }

  #enum(vector: TextVector, names: readonly { offset: number; length: number }[]): void {
    const reader = this.#reader;
    reader.varint64();
    // An int32 that is negative comes sign-extended to 64 bits; anything else beyond 32 bits is not an enum value.
    const value = reader.lo | 0;
    if (reader.hi !== (value < 0 ? 0xffff_ffff : 0)) this.#exact = false;
    const known = names[value];
    if (known !== undefined) vector.set(this.#row, known.offset, known.length);
    else {
      const { scratch } = this.batch;
      const start = scratch.length;
      scratch.ascii(String(value));
      vector.set(this.#row, start + IN_SCRATCH, scratch.length - start);
    }
  }

  #time(vector: { set64(row: number, lo: number, hi: number): void }): void {
    const reader = this.#reader;
    reader.fixed64();
    if (reader.lo === 0 && reader.hi === 0) return;
    const infinite = reader.hi === TIME_HIGH_MAX && reader.lo === 0xffff_ffff;
    if (reader.hi > TIME_HIGH_MAX || infinite) this.#exact = false;
    else vector.set64(this.#row, reader.lo, reader.hi);
  }

  #count(vector: { set64(row: number, lo: number, hi: number): void }, bit: number): void {
    this.#once(bit);
    const reader = this.#reader;
    if (!reader.varint64()) this.#exact = false;
    if (reader.lo !== 0) vector.set64(this.#row, reader.lo, 0);
  }

  #status(end: number): void {
    const reader = this.#reader;
    const unset = this.#statuses[0];
    if (unset !== undefined) this.#c.statusCode.set(this.#row, unset.offset, unset.length);
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag === 18) {
        const stop = reader.fieldEnd(end);
        if (this.#seen & SEEN_STATUS_MESSAGE) this.#exact = false;
        this.#seen |= SEEN_STATUS_MESSAGE;
        this.#text(this.#c.statusMessage, reader.pos, stop - reader.pos);
        reader.pos = stop;
      } else if (tag === 24) {
        if (this.#seen & SEEN_STATUS_CODE) this.#exact = false;
        this.#seen |= SEEN_STATUS_CODE;
        this.#enum(this.#c.statusCode, this.#statuses);
      } else {
        this.#exact = false;
        reader.skip(tag, end);
      }
    }
    if (reader.pos !== end) throw malformed("a field longer than the status it is in", end);
  }

  /** What is known only after the last field: the name every span has, and the duration. */
  #complete(row: number): void {
    const { start, end, duration, name } = this.#c;
    if ((name.lengths[row] as number) < 0) name.set(row, this.#source.offset, 0);
    if (start.valid[row] !== 1 || end.valid[row] !== 1) return;
    const lo = (end.u32[row * 2] as number) - (start.u32[row * 2] as number);
    const hi = (end.u32[row * 2 + 1] as number) - (start.u32[row * 2 + 1] as number) - (lo < 0 ? 1 : 0);
    duration.set64(row, lo >>> 0, hi >>> 0);
  }
}
