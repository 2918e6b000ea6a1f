import type { AnyJsonWriter } from "./any-json.js";
import type { ColumnBatch } from "./column-batch.js";
import { EnvelopeTexts, type Range } from "./envelope-texts.js";
import type { Scratch } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

const TAG_SCOPE_GROUP = 18;

/** Called for each record (span, log record or metric): its content's range, and where its field (the tag) starts. */
export type RecordSeen = (start: number, end: number, fieldStart: number) => void;

/**
 * Walks an export request of any signal. All three have one shape: resource-X messages (field 1) with a resource (1),
 * scope-X messages (2) and a schema URL (3), those with a scope (1), records (2) and a schema URL (3). Fills the
 * resource and scope columns of the rows that the callback adds, and cuts out single records with their surroundings.
 */
export class EnvelopeWalker {
  /** False while the records' resource or scope can't be told exactly by the columns. */
  exact = true;
  /** The resource and the scope of the record at hand: their content's ranges, start -1 when absent. */
  resource: Range = { start: -1, end: -1 };
  scope: Range = { start: -1, end: -1 };
  /** Rises with every scope that is entered. */
  scopes = 0;
  #resourceExact = true;
  #group = { start: 0, end: 0 };
  #scopeGroup = { start: 0, end: 0 };
  readonly #texts: EnvelopeTexts;
  readonly #scratch: Scratch;

  constructor(
    readonly batch: ColumnBatch,
    readonly reader: WireReader,
    readonly json: AnyJsonWriter,
  ) {
    this.#scratch = batch.scratch;
    this.#texts = new EnvelopeTexts(batch, reader, json);
  }

  /** Walks the request in the range; throws CF_OTLP_MALFORMED when its bytes are not one. */
  walk(start: number, end: number, onRecord: RecordSeen): void {
    const { reader } = this;
    reader.open(this.batch.source, start);
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag !== 10) {
        reader.skip(tag, end);
        continue;
      }
      const stop = reader.fieldEnd(end);
      this.#resourceGroup(reader.pos, stop, onRecord);
      reader.pos = stop;
    }
    if (reader.pos !== end) throw malformed("a field longer than the request", end);
  }

  /** Two passes, as a resource may follow its records: first everything but the scope groups, then those. */
  #resourceGroup(start: number, end: number, onRecord: RecordSeen): void {
    const { reader, batch } = this;
    const first = batch.rows;
    this.#group.start = start;
    this.#group.end = end;
    const parts = this.#survey(start, end);
    this.#resourceExact = parts.exact;
    this.json.exact = true;
    this.resource = parts.head;
    this.#texts.readResource(parts.head, parts.schemaUrl);
    if (!this.json.exact) this.#resourceExact = false;
    if (parts.groups) {
      reader.pos = start;
      while (reader.pos < end) {
        const tag = reader.varint32();
        if (tag !== 18) {
          reader.skip(tag, end);
          continue;
        }
        const stop = reader.fieldEnd(end);
        this.#scopeRecords(reader.pos, stop, onRecord);
        reader.pos = stop;
      }
    }
    this.#texts.fillResource(first, batch.rows);
  }

  #scopeRecords(start: number, end: number, onRecord: RecordSeen): void {
    const { reader, batch } = this;
    const first = batch.rows;
    this.#scopeGroup.start = start;
    this.#scopeGroup.end = end;
    const parts = this.#survey(start, end);
    this.json.exact = true;
    this.scope = parts.head;
    this.scopes++;
    this.#texts.readScope(parts.head, parts.schemaUrl);
    this.exact = this.#resourceExact && parts.exact && this.json.exact;
    if (parts.groups) {
      reader.pos = start;
      while (reader.pos < end) {
        const fieldStart = reader.pos;
        const tag = reader.varint32();
        if (tag !== 18) {
          reader.skip(tag, end);
          continue;
        }
        const stop = reader.fieldEnd(end);
        onRecord(reader.pos, stop, fieldStart);
        reader.pos = stop;
      }
    }
    this.#texts.fillScope(first, batch.rows);
  }

  /** Finds the singular fields of a group (1: resource or scope, 3: schema URL), passing over field 2. */
  #survey(start: number, end: number): Survey {
    const { reader } = this;
    const found: Survey = {
      head: { start: -1, end: -1 },
      schemaUrl: { start: -1, end: -1 },
      groups: false,
      exact: true,
    };
    reader.pos = start;
    while (reader.pos < end) {
      const tag = reader.varint32();
      if (tag === 18) {
        found.groups = true;
        reader.pos = reader.fieldEnd(end);
      } else if (tag === 10 || tag === 26) {
        const range = tag === 10 ? found.head : found.schemaUrl;
        if (range.start >= 0) found.exact = false;
        range.end = reader.fieldEnd(end);
        range.start = reader.pos;
        reader.pos = range.end;
      } else {
        found.exact = false;
        reader.skip(tag, end);
      }
    }
    if (reader.pos !== end) throw malformed("a field longer than the message it is in", end);
    return found;
  }

  /**
   * Writes one resource-X message that holds only the given record, with its resource, scope, schema URLs and unknown
   * fields byte for byte, into the scratch. Returns its length; it starts at the scratch's former length.
   */
  cutOut(fieldStart: number, recordEnd: number): number {
    return this.cutOutAs(this.reader.bytes.subarray(fieldStart, recordEnd));
  }

  /** The same around a record field (tag and length included) that the caller made. */
  cutOutAs(record: Uint8Array): number {
    const { reader } = this;
    const scratch = this.#scratch;
    const start = scratch.length;
    const returnTo = reader.pos;
    const scope = this.#scopeGroup;
    const scopeLength = this.#lengthWithout(scope.start, scope.end) + record.length;
    this.#copyWithout(this.#group.start, this.#group.end);
    scratch.reserve(6);
    scratch.byte(TAG_SCOPE_GROUP);
    writeVarint(scratch, scopeLength);
    this.#copyWithout(scope.start, scope.end);
    scratch.copy(record, 0, record.length);
    reader.pos = returnTo;
    return scratch.length - start;
  }

  #lengthWithout(start: number, end: number): number {
    let length = 0;
    this.#eachOther(start, end, (from, to) => {
      length += to - from;
    });
    return length;
  }

  #copyWithout(start: number, end: number): void {
    this.#eachOther(start, end, (from, to) => this.#scratch.copy(this.reader.bytes, from, to));
  }

  /** Each field but field 2, tag included. */
  #eachOther(start: number, end: number, visit: (from: number, to: number) => void): void {
    const { reader } = this;
    reader.pos = start;
    while (reader.pos < end) {
      const from = reader.pos;
      const tag = reader.varint32();
      reader.skip(tag, end);
      if (tag !== 18) visit(from, reader.pos);
    }
  }
}

interface Survey {
  readonly head: Range;
  readonly schemaUrl: Range;
  groups: boolean;
  exact: boolean;
}

/** Writes a protobuf varint of up to 32 bits; the caller reserved five bytes. */
function writeVarint(scratch: Scratch, value: number): void {
  let rest = value;
  while (rest >= 128) {
    scratch.byte((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  scratch.byte(rest);
}
