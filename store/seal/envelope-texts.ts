import { RESOURCE_RULES } from "../../schema/index.js";
import type { AnyJsonWriter } from "./any-json.js";
import type { ColumnBatch, TextVector } from "./column-batch.js";
import { JsonObject } from "./json-object.js";
import { KeyTable } from "./key-table.js";
import { IN_SCRATCH, repairedUtf8, type Scratch, validUtf8 } from "./scratch.js";
import { malformed, type WireReader } from "./wire.js";

const resourceKeys = RESOURCE_RULES.flatMap((rule) => rule.sources);
const resourceTable = new KeyTable(resourceKeys);
const TAG_STRING_VALUE = 10;

/** A message's content in the reader's bytes; start -1 when it is absent. */
export interface Range {
  start: number;
  end: number;
}

/** A text made once and shared by many rows: tagged offset, and length -1 for null. */
interface SharedText {
  offset: number;
  length: number;
}

const shared = (): SharedText => ({ offset: 0, length: -1 });

/** The columns that all rows of one resource or one scope share: made once, referred to by every row. */
export class EnvelopeTexts {
  readonly #resource = shared();
  readonly #extra = shared();
  readonly #scope = shared();
  readonly #ruled: { readonly vector: TextVector; readonly text: SharedText; readonly keys: number[] }[];
  readonly #found = resourceKeys.map(() => ({ start: -1, end: -1 }));
  readonly #columns: readonly [TextVector, SharedText][];
  readonly #scopeColumn: TextVector;
  readonly #scratch: Scratch;

  constructor(
    batch: ColumnBatch,
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

  /** Points rows at the texts of the last resource. */
  fillResource(from: number, to: number): void {
    for (const [vector, text] of this.#columns) vector.setAll(from, to, text.offset, text.length);
  }

  /** Points rows at the text of the last scope. */
  fillScope(from: number, to: number): void {
    this.#scopeColumn.setAll(from, to, this.#scope.offset, this.#scope.length);
  }

  /** Makes the texts of a resource; json.exact becomes false when they don't tell everything. */
  readResource(resource: Range, schemaUrl: Range): void {
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

  /** Makes the scope's JSON. `name` and `version` are in it exactly when the scope message was there. */
  readScope(scope: Range, schemaUrl: Range): void {
    this.#scope.length = -1;
    if (scope.start < 0 && schemaUrl.end <= schemaUrl.start) return;
    const start = this.#scratch.length;
    const object = new JsonObject(this.#scratch);
    if (scope.start >= 0) {
      const { names, dropped, attributes } = this.#scopeFields(scope);
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

  #scopeFields(scope: Range): { names: [Range, Range]; dropped: number; attributes: boolean } {
    const { reader } = this;
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
    return { names, dropped, attributes };
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
}
