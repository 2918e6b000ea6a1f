import type { Column } from "../columns.js";

/** Any JSON value. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** A JSON object. */
export type JsonObject = { readonly [key: string]: JsonValue };

/**
 * One change of one thing that people or rules decide: a feedback, a price, ... (invariant I5). Changes are only ever
 * added; the current state of a thing is its last change. Several in one journal record take effect together.
 */
export interface ChangeRecord {
  /** Name of a {@link RecordType}; one that this version does not know is kept as it is. */
  readonly type: string;
  /** Names the thing within its type. */
  readonly id: string;
  /** `put` is the whole new state, not a part of it. */
  readonly op: "put" | "delete";
  /** When it was decided, RFC 3339 in UTC. */
  readonly time: string;
  /** How it came in: `api`, `langsmith`, `import`, ... */
  readonly source: string;
  /** The new state; null for a delete. */
  readonly data: JsonObject | null;
}

/** A change as a journal record holds it: also one that only a newer version can read. */
export interface StoredChange {
  readonly type: string;
  readonly id: string;
  readonly op: string;
  readonly time: string | undefined;
  readonly source: string | undefined;
  /** Any JSON value; undefined when the line has none. */
  readonly data: JsonValue | undefined;
  /** Keys of the line that this version does not know. */
  readonly more: JsonObject | undefined;
}

/** What values a field takes. `ns` in the name of no kind: times are RFC 3339 text. */
export type FieldKind =
  | "text"
  | "number"
  | "integer"
  | "boolean"
  /** A number, or true or false. */
  | "score"
  /** RFC 3339. */
  | "time"
  /** YYYY-MM-DD. */
  | "date"
  /** 32 hex digits, or the same as a UUID. */
  | "trace_id"
  /** 16 hex digits. */
  | "span_id"
  | "uuid"
  | "object"
  | "list"
  /** Any JSON value. */
  | "json";

/** One field of a record's data. A field that is not required may be left out or null. */
export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly doc: string;
  readonly required?: true;
  /** The only texts that are valid. */
  readonly oneOf?: readonly string[];
  /** Characters of a text, or items of a list. */
  readonly lengthMax?: number;
  /** Fields of an object; a list's items are such objects. Without them anything goes. */
  readonly fields?: readonly Field[];
}

/** A column of a record table, and where its value is. */
export interface RecordColumn extends Column {
  /** The value in a record's data; undefined or null is null. By default the field of the column's name. */
  readonly read?: (data: JsonObject) => JsonValue | undefined;
}

/** A type of record. Adding one is adding its table here, and to `RECORD_TYPES`. */
export interface RecordType {
  readonly type: string;
  /** Name of its table in the mirror, and of the view of its current state. */
  readonly table: string;
  readonly doc: string;
  /** True when its id must be a UUID, because records of other types refer to it by a field of that kind. */
  readonly hasUuid?: boolean;
  readonly fields: readonly Field[];
  /** Columns besides those that every record table has. */
  readonly columns: readonly RecordColumn[];
  /** What no single field can say; undefined when the data is valid. */
  readonly check?: (data: JsonObject) => string | undefined;
}
