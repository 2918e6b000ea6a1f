import {
  ATTR_LANGSMITH_RUN,
  ATTR_LANGSMITH_SPAN_ID,
  decodeMessage,
  type NormalisedSpan,
  type NormalisedColumns,
  type NormaliserInput,
  normaliseSpan,
  SPAN_RULES,
} from "../../schema/index.js";
import { type AttributeList, TYPE_DOUBLE, TYPE_INT, TYPE_STRING } from "./attribute-list.js";
import { type ColumnBatch, type FixedVector, type TextVector, unsignedZero } from "./column-batch.js";
import type { EnvelopeWalker } from "./envelope.js";
import type { Range } from "./envelope-texts.js";
import { KNOWN_KEYS } from "./key-classes.js";
import { ListAttributes } from "./list-attributes.js";
import { isDefaultSource, provenanceText } from "./provenance.js";
import { IN_SCRATCH, type Scratch } from "./scratch.js";
import { type Surroundings, SurroundingsReader } from "./surroundings.js";

/** Columns by how their values are written. Those of the resource are filled from the resource. */
const INTEGERS = new Set([
  "input_tokens",
  "output_tokens",
  "cache_read_tokens",
  "cache_write_tokens",
  "reasoning_tokens",
]);
const DOUBLES = new Set(["cost_usd", "time_to_first_token_ms"]);
const BOOLEANS = new Set(["input_includes_cache"]);

/** What the rules say of one column. */
interface Filled {
  readonly column: string;
  readonly value: unknown;
  readonly key: string;
}

const liftColumns = new Map(
  SPAN_RULES.flatMap(({ column, sources }) => sources.map((key) => [key, column] as const)),
);

/** Ids of the keys that a column can hold verbatim. */
const liftIds = new Map(KNOWN_KEYS.flatMap((key, id) => (liftColumns.has(key) ? [[key, id] as const] : [])));
/** Distinct sets of sources met so far; senders must not be able to fill memory with them. */
const PROVENANCE_MAX = 1_024;

/**
 * The columns of a span by the full rules of every dialect: for spans that the byte path can't read alone. Makes strings of
 * what the rules ask for, so it costs several times as much.
 */
export class RuledColumns {
  readonly #text = new Map<string, TextVector>();
  readonly #fixed = new Map<string, FixedVector>();
  readonly #dialect: TextVector;
  readonly #provenance: TextVector;
  readonly #provenances = new Map<string, string | undefined>();
  readonly #start: FixedVector;
  readonly #scratch: Scratch;
  readonly #reader: SurroundingsReader;
  readonly #attributes: ListAttributes;
  #surroundings: Surroundings = { scope: undefined, resource: undefined, dialects: false };
  /** Rows whose spans came as LangSmith runs, of the request at hand. */
  readonly nativeRuns: number[] = [];

  constructor(
    readonly batch: ColumnBatch,
    readonly list: AttributeList,
  ) {
    this.#scratch = batch.scratch;
    this.#reader = new SurroundingsReader(list.reader);
    this.#attributes = new ListAttributes(list);
    this.#dialect = batch.text("dialect");
    this.#provenance = batch.text("provenance");
    this.#start = batch.fixed("start_time");
  }

  /** Whether the scope or the resource of the span at hand alone names a dialect that needs the full rules. */
  enter(walker: EnvelopeWalker): boolean {
    this.#surroundings = this.#reader.at(walker);
    return this.#surroundings.dialects;
  }

  /**
   * Fills the row's columns from the span in that range, whose attributes the list has. `lift` gets the key of each
   * attribute that a column then holds verbatim.
   */
  fill(row: number, span: Range, hasEvents: boolean, lift: Int16Array): void {
    const attributes = this.#attributes;
    attributes.reset();
    const result = normaliseSpan({ ...this.#outside(row, span, hasEvents), attributes });
    const { columns, provenance, dialects } = result;
    for (const column in columns) {
      const value = columns[column as keyof NormalisedColumns];
      const key = provenance[column];
      if (key !== undefined && this.#lifted(row, { column, value, key }, lift)) continue;
      if (INTEGERS.has(column)) this.#integer(this.#fixedVector(column), row, Number(value));
      else if (DOUBLES.has(column)) this.#fixedVector(column).setDouble(row, unsignedZero(Number(value)));
      else if (BOOLEANS.has(column)) this.#fixedVector(column).setBoolean(row, value === true);
      else this.#write(this.#textVector(column), row, String(value));
    }
    if (dialects.length > 0) this.#write(this.#dialect, row, dialects.join(","));
    const told = this.#provenanceOf(provenance);
    if (told !== undefined) this.#write(this.#provenance, row, told);
    this.#noteNativeRun(row);
  }

  /** What the rules read beside the attributes. Most spans have no events, and then need not be taken apart. */
  #outside(row: number, span: Range, hasEvents: boolean): Omit<NormaliserInput, "attributes"> {
    const { scope, resource } = this.#surroundings;
    if (!hasEvents && this.#start.valid[row] === 1) {
      return { name: "", startTimeUnixNano: this.#start.bigint(row), events: [], scope, resource };
    }
    const { bytes } = this.list.reader;
    return { ...decodeMessage("Span", bytes.subarray(span.start, span.end)), scope, resource };
  }

  #provenanceOf(provenance: NormalisedSpan["provenance"]): string | undefined {
    let name = "";
    for (const column in provenance) name += `${column}=${provenance[column]}\n`;
    if (this.#provenances.has(name)) return this.#provenances.get(name);
    const text = provenanceText(
      Object.entries(provenance).filter(([column, source]) => !isDefaultSource(column, source)),
    );
    if (this.#provenances.size === PROVENANCE_MAX) this.#provenances.clear();
    this.#provenances.set(name, text);
    return text;
  }

  /** A LangSmith run keeps its own id, which can't be computed from the span's. */
  #noteNativeRun(row: number): void {
    const attributes = this.#attributes;
    const run = attributes.place(ATTR_LANGSMITH_RUN);
    if (run < 0 || this.list.type[run] !== TYPE_STRING) return;
    this.nativeRuns.push(row);
    const runId = attributes.get(ATTR_LANGSMITH_SPAN_ID)?.stringValue;
    if (runId !== undefined) this.#write(this.#textVector("run_id"), row, runId.toLowerCase());
  }

  /** Points the column at the attribute that filled it, where that says exactly the same. */
  #lifted(row: number, { column, value, key }: Filled, lift: Int16Array): boolean {
    const id = liftIds.get(key);
    if (id === undefined || liftColumns.get(key) !== column) return false;
    const { list } = this;
    const at = this.#attributes.place(key);
    if (at < 0) return false;
    const type = list.type[at];
    const sent = this.#attributes.get(key);
    if (
      type === TYPE_STRING &&
      sent?.stringValue === value &&
      !INTEGERS.has(column) &&
      !DOUBLES.has(column)
    ) {
      this.#textVector(column).set(row, list.valueOffset[at] as number, list.valueLength[at] as number);
    } else if (
      type === TYPE_INT &&
      INTEGERS.has(column) &&
      typeof value === "number" &&
      sent?.intValue === BigInt(value)
    ) {
      this.#fixedVector(column).set64(row, list.lo[at] as number, list.hi[at] as number);
    } else if (
      type === TYPE_DOUBLE &&
      column === "cost_usd" &&
      sent?.doubleValue === value &&
      !Object.is(value, -0)
    ) {
      this.#fixedVector(column).setDouble(row, Number(value));
    } else return false;
    lift[at] = id;
    return true;
  }

  #integer(vector: FixedVector, row: number, value: number): void {
    if (value >= 0 && value < 2 ** 32) vector.set64(row, value, 0);
    else vector.setBigInt(row, BigInt(value));
  }

  #write(vector: TextVector, row: number, text: string): void {
    const start = this.#scratch.length;
    this.#scratch.text(text);
    vector.set(row, start + IN_SCRATCH, this.#scratch.length - start);
  }

  #textVector(column: string): TextVector {
    const vector = this.#text.get(column) ?? this.batch.text(column);
    this.#text.set(column, vector);
    return vector;
  }

  #fixedVector(column: string): FixedVector {
    const vector = this.#fixed.get(column) ?? this.batch.fixed(column);
    this.#fixed.set(column, vector);
    return vector;
  }
}
