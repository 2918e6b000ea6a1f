import { RESOURCE_RULES } from "../../schema/index.js";
import type { AnyJsonWriter } from "./any-json.js";
import type { ColumnBatch, TextVector } from "./column-batch.js";
import { KeyTable } from "./key-table.js";
import { IN_SCRATCH, repairedUtf8, type Scratch, validUtf8 } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

const resourceKeys = RESOURCE_RULES.flatMap((rule) => rule.sources);
const resourceTable = new KeyTable(resourceKeys);
const TAG_STRING_VALUE = 10;
const TAG_SCOPE_GROUP = 18;

/** A text made once and shared by many rows: tagged offset, and length -1 for null. */
interface SharedText {
  offset: number;
  length: number;
}

const shared = (): SharedText => ({ offset: 0, length: -1 });

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
  #resourceExact = true;
  #group = { start: 0, end: 0 };
  #scopeGroup = { start: 0, end: 0 };
  readonly #resource = shared();
  readonly #extra = shared();
  readonly #scope = shared();
  readonly #ruled: { readonly vector: TextVector; readonly text: SharedText; readonly keys: number[] }[];
  readonly #found = resourceKeys.map(() => ({ start: -1, end: -1 }));
  readonly #columns: readonly [TextVector, SharedText][];
  readonly #scopeColumn: TextVector;
  readonly #scratch: Scratch;

  constructor(
    readonly batch: ColumnBatch,
    readonly reader: WireReader,
    readonly json: AnyJsonWriter,
  ) {
    this.#scratch = batch.scratch;
    const names = new Set(batch.columns.map((column) => column.name));
    this.#ruled = RESOURCE_RULES.filter((rule) => names.has(rule.column)).map((rule) => ({
      vector: batch.text(rule.column),
      text: shared(),
      keys: rule.sources.map((key) => resourceKeys.indexOf(key)),
    }));
    this.#columns = [
      [batch.text("resource_attributes"), this.#resource],
      [batch.text("resource_extra"), this.#extra],
      ...this.#ruled.map((ruled): [TextVector, SharedText] => [ruled.vector, ruled.text]),
    ];
    this.#scopeColumn = batch.text("scope");
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
    this.#resourceTexts(parts.head, parts.schemaUrl);
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
    for (const [vector, text] of this.#columns) {
      vector.setAll(first, batch.rows, text.offset, text.length);
    }
  }

  #scopeRecords(start: number, end: number, onRecord: RecordSeen): void {
    const { reader, batch } = this;
    const first = batch.rows;
    this.#scopeGroup.start = start;
    this.#scopeGroup.end = end;
    const parts = this.#survey(start, end);
    this.json.exact = true;
    this.#scopeText(parts.head, parts.schemaUrl);
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
    this.#scopeColumn.setAll(first, batch.rows, this.#scope.offset, this.#scope.length);
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

  #resourceTexts(resource: Range, schemaUrl: Range): void {
    const scratch = this.#scratch;
    for (const found of this.#found) found.start = -1;
    this.#resource.length = -1;
    this.#extra.length = -1;
    let dropped = 0;
    let entities: Range[] = [];
    if (resource.start >= 0) {
      const start = scratch.length;
      this.json.attributes(resource.start, resource.end, 10, (keyOffset, keyLength, valueStart, valueEnd) => {
        const id = resourceTable.find(this.reader.bytes, keyOffset, keyLength);
        const found = id < 0 ? undefined : this.#found[id];
        if (found !== undefined && found.start < 0) {
          found.start = valueStart;
          found.end = valueEnd;
        }
      });
      this.#finish(this.#resource, start);
      ({ dropped, entities } = this.#resourceRest(resource));
    }
    if (dropped !== 0 || entities.length > 0 || schemaUrl.end > schemaUrl.start) {
      const start = scratch.length;
      const object = new JsonObject(scratch);
      if (dropped !== 0) object.key("dropped_attributes_count").unsigned(dropped);
      if (entities.length > 0) {
        object.key("entity_refs");
        this.#entityRefs(entities);
      }
      if (schemaUrl.end > schemaUrl.start) {
        object.key("schema_url");
        this.#string(schemaUrl);
      }
      object.close();
      this.#finish(this.#extra, start);
    }
    for (const { text, keys } of this.#ruled) this.#ruledText(text, keys);
  }

  /** Fields of a resource besides its attributes. */
  #resourceRest(resource: Range): { dropped: number; entities: Range[] } {
    const { reader } = this;
    const entities: Range[] = [];
    let dropped = 0;
    let droppedSeen = false;
    reader.pos = resource.start;
    while (reader.pos < resource.end) {
      const tag = reader.varint32();
      if (tag === 10) reader.pos = reader.fieldEnd(resource.end);
      else if (tag === 16) {
        if (!reader.varint64() || droppedSeen) this.json.exact = false;
        droppedSeen = true;
        dropped = reader.lo;
      } else if (tag === 26) {
        const end = reader.fieldEnd(resource.end);
        entities.push({ start: reader.pos, end });
        reader.pos = end;
      } else {
        this.json.exact = false;
        reader.skip(tag, resource.end);
      }
    }
    return { dropped, entities };
  }

  #entityRefs(entities: readonly Range[]): void {
    const { reader } = this;
    const scratch = this.#scratch;
    scratch.ascii("[");
    for (const [index, entity] of entities.entries()) {
      const names = ["schema_url", "type"].map((): Range => ({ start: 0, end: 0 }));
      const lists: [Range[], Range[]] = [[], []];
      const seen = new Set<number>();
      reader.pos = entity.start;
      while (reader.pos < entity.end) {
        const tag = reader.varint32();
        if (tag !== 10 && tag !== 18 && tag !== 26 && tag !== 34) {
          this.json.exact = false;
          reader.skip(tag, entity.end);
          continue;
        }
        const range = { end: reader.fieldEnd(entity.end), start: reader.pos };
        reader.pos = range.end;
        if (tag === 26) lists[0].push(range);
        else if (tag === 34) lists[1].push(range);
        else {
          if (seen.has(tag)) this.json.exact = false;
          seen.add(tag);
          names[tag === 10 ? 0 : 1] = range;
        }
      }
      if (reader.pos !== entity.end) throw malformed("a field longer than the message it is in", entity.end);
      if (index > 0) scratch.ascii(",");
      const object = new JsonObject(scratch);
      object.key("schema_url");
      this.#string(names[0] ?? entity);
      object.key("type");
      this.#string(names[1] ?? entity);
      object.key("id_keys");
      this.#strings(lists[0]);
      object.key("description_keys");
      this.#strings(lists[1]);
      object.close();
    }
    scratch.ascii("]");
  }

  /** The scope as JSON. `name` and `version` are there exactly when the scope message was. */
  #scopeText(scope: Range, schemaUrl: Range): void {
    const { reader } = this;
    this.#scope.length = -1;
    if (scope.start < 0 && schemaUrl.end <= schemaUrl.start) return;
    const start = this.#scratch.length;
    const object = new JsonObject(this.#scratch);
    if (scope.start >= 0) {
      const names: [Range, Range] = [
        { start: 0, end: 0 },
        { start: 0, end: 0 },
      ];
      let seen = 0;
      let dropped = 0;
      let attributes = false;
      reader.pos = scope.start;
      while (reader.pos < scope.end) {
        const tag = reader.varint32();
        const bit = tag === 26 ? 0 : 1 << (tag >>> 3);
        if (seen & bit) this.json.exact = false;
        seen |= bit;
        if (tag === 10 || tag === 18) {
          const range = { end: reader.fieldEnd(scope.end), start: reader.pos };
          reader.pos = range.end;
          names[tag === 10 ? 0 : 1] = range;
        } else if (tag === 26) {
          attributes = true;
          reader.pos = reader.fieldEnd(scope.end);
        } else if (tag === 32) {
          if (!reader.varint64()) this.json.exact = false;
          dropped = reader.lo;
        } else {
          this.json.exact = false;
          reader.skip(tag, scope.end);
        }
      }
      object.key("name");
      this.#string(names[0]);
      object.key("version");
      this.#string(names[1]);
      if (attributes) {
        object.key("attributes");
        this.json.attributes(scope.start, scope.end, 26);
      }
      if (dropped !== 0) object.key("dropped_attributes_count").unsigned(dropped);
    }
    if (schemaUrl.end > schemaUrl.start) {
      object.key("schema_url");
      this.#string(schemaUrl);
    }
    object.close();
    this.#finish(this.#scope, start);
  }

  #ruledText(text: SharedText, keys: readonly number[]): void {
    const { reader } = this;
    text.length = -1;
    for (const id of keys) {
      const found = this.#found[id];
      if (found === undefined || found.start < 0 || found.end === found.start) continue;
      reader.pos = found.start;
      const start = this.#scratch.length;
      if (reader.varint32() === TAG_STRING_VALUE) {
        const end = reader.fieldEnd(found.end);
        const length = end - reader.pos;
        if (validUtf8(reader.bytes, reader.pos, length)) {
          text.offset = reader.pos;
          text.length = length;
          return;
        }
        const repaired = repairedUtf8(reader.bytes, reader.pos, length);
        this.#scratch.copy(repaired, 0, repaired.length);
      } else this.json.value(found.start, found.end);
      this.#finish(text, start);
      return;
    }
  }

  #string(range: Range): void {
    if (!this.#scratch.jsonString(this.reader.bytes, range.start, range.end - range.start))
      this.json.exact = false;
  }

  #strings(ranges: readonly Range[]): void {
    this.#scratch.ascii("[");
    for (const [index, range] of ranges.entries()) {
      if (index > 0) this.#scratch.ascii(",");
      this.#string(range);
    }
    this.#scratch.ascii("]");
  }

  #finish(text: SharedText, start: number): void {
    text.offset = start + IN_SCRATCH;
    text.length = this.#scratch.length - start;
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

interface Range {
  start: number;
  end: number;
}

interface Survey {
  readonly head: Range;
  readonly schemaUrl: Range;
  groups: boolean;
  exact: boolean;
}

/** Writes the keys and commas of one JSON object; the values are written by whoever asked for the key. */
export class JsonObject {
  #first = true;

  constructor(readonly scratch: Scratch) {
    scratch.ascii("{");
  }

  key(name: string): Scratch {
    this.scratch.ascii(`${this.#first ? "" : ","}"${name}":`);
    this.#first = false;
    return this.scratch;
  }

  close(): void {
    this.scratch.ascii("}");
  }
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
