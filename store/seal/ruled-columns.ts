import {
  ATTR_LANGSMITH_RUN,
  ATTR_LANGSMITH_SPAN_ID,
  decodeMessage,
  type NormalisedSpan,
  normaliseSpan,
  type Span,
  SPAN_RULES,
} from "../../schema/index.js";
import { type AttributeList, TYPE_DOUBLE, TYPE_INT, TYPE_STRING } from "./attribute-list.js";
import type { ColumnBatch, FixedVector, TextVector } from "./column-batch.js";
import type { EnvelopeWalker } from "./envelope.js";
import type { Range } from "./envelope-texts.js";
import { KNOWN_KEYS } from "./key-classes.js";
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

const liftColumns = new Map(
  SPAN_RULES.flatMap(({ column, sources }) => sources.map((key) => [key, column] as const)),
);

/**
 * The columns of a span by the full rules of every dialect: for spans that the byte path can't read alone. Decodes the
 * span into objects, so it costs several times as much.
 */
export class RuledColumns {
  readonly #text = new Map<string, TextVector>();
  readonly #fixed = new Map<string, FixedVector>();
  readonly #dialect: TextVector;
  readonly #provenance: TextVector;
  readonly #scratch: Scratch;
  readonly #reader: SurroundingsReader;
  #surroundings: Surroundings = { scope: undefined, resource: undefined, dialects: false };
  /** Rows whose spans came as LangSmith runs, of the request at hand. */
  readonly nativeRuns: number[] = [];

  constructor(
    readonly batch: ColumnBatch,
    readonly list: AttributeList,
  ) {
    this.#scratch = batch.scratch;
    this.#reader = new SurroundingsReader(list.reader);
    this.#dialect = batch.text("dialect");
    this.#provenance = batch.text("provenance");
  }

  /** Whether the scope or the resource of the span at hand alone names a dialect that needs the full rules. */
  enter(walker: EnvelopeWalker): boolean {
    this.#surroundings = this.#reader.at(walker);
    return this.#surroundings.dialects;
  }

  /**
   * Fills the row's columns from the span in that range. `lift` gets the key of each attribute that a column then holds
   * verbatim.
   */
  fill(row: number, span: Range, lift: Int16Array): void {
    const { bytes } = this.list.reader;
    const { scope, resource } = this.#surroundings;
    const decoded = decodeMessage("Span", bytes.subarray(span.start, span.end));
    const result = normaliseSpan({ ...decoded, scope, resource });
    for (const [column, value] of Object.entries(result.columns)) {
      if (this.#lifted(row, column, result, decoded, lift)) continue;
      if (INTEGERS.has(column)) this.#fixedVector(column).setBigInt(row, BigInt(Number(value)));
      else if (DOUBLES.has(column)) this.#fixedVector(column).setDouble(row, Number(value));
      else if (BOOLEANS.has(column)) this.#fixedVector(column).setBoolean(row, value === true);
      else this.#write(this.#textVector(column), row, String(value));
    }
    if (result.dialects.length > 0) this.#write(this.#dialect, row, result.dialects.join(","));
    const provenance = provenanceText(
      Object.entries(result.provenance).filter(([column, source]) => !isDefaultSource(column, source)),
    );
    if (provenance !== undefined) this.#write(this.#provenance, row, provenance);
    this.#noteNativeRun(row, decoded);
  }

  /** A LangSmith run keeps its own id, which can't be computed from the span's. */
  #noteNativeRun(row: number, { attributes }: Span): void {
    const at = (key: string): string | undefined =>
      attributes.find((attribute) => attribute.key === key)?.value?.stringValue;
    if (at(ATTR_LANGSMITH_RUN) === undefined) return;
    this.nativeRuns.push(row);
    const runId = at(ATTR_LANGSMITH_SPAN_ID);
    if (runId !== undefined) this.#write(this.#textVector("run_id"), row, runId.toLowerCase());
  }

  /** Points the column at the attribute that filled it, where that says exactly the same. */
  #lifted(row: number, column: string, result: NormalisedSpan, span: Span, lift: Int16Array): boolean {
    const value: unknown = result.columns[column as keyof NormalisedSpan["columns"]];
    const key = result.provenance[column];
    if (key === undefined || liftColumns.get(key) !== column) return false;
    const { list } = this;
    const id = KNOWN_KEYS.indexOf(key);
    let at = 0;
    while (at < list.count && list.keyId[at] !== id) at++;
    if (at === list.count) return false;
    const sent = span.attributes.find((attribute) => attribute.key === key)?.value;
    const type = list.type[at];
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
