import { METADATA_PREFIX, RUN_TYPE_SOURCES, RUN_TYPES, SPAN_RULES } from "../../schema/index.js";
import { type AttributeList, TYPE_STRING } from "./attribute-list.js";
import type { AttributeText } from "./attribute-text.js";
import type { ColumnBatch } from "./column-batch.js";
import { KEY_GEN_AI, KEY_LANGSMITH, KEY_LEGACY, KEY_METADATA, KNOWN_KEYS } from "./key-classes.js";
import { KeyTable } from "./key-table.js";
import { MAKERS, makerOf } from "./plain-check.js";
import { isDefaultSource, provenanceText } from "./provenance.js";
import { IN_SCRATCH, type Scratch } from "./scratch.js";

interface Constant {
  readonly offset: number;
  readonly length: number;
}

function ruleIndex(column: string): number {
  return SPAN_RULES.findIndex((rule) => rule.column === column);
}

const PROVIDER = ruleIndex("provider");
const MODELS = [ruleIndex("request_model"), ruleIndex("response_model")];
const USAGE = ["input_tokens", "output_tokens", "cost_usd"].map(ruleIndex);
const INPUT = ruleIndex("input_tokens");
const CACHE_TOKENS = ["cache_read_tokens", "cache_write_tokens"].map(ruleIndex);
const [KIND_KEY = -1, OPERATION_KEY = -1] = RUN_TYPE_SOURCES.map((key) => KNOWN_KEYS.indexOf(key));
const KIND_SOURCE = RUN_TYPE_SOURCES[0] ?? "";

const runTypes = [...new Set(Object.values(RUN_TYPES))];
const kindTable = new KeyTable(runTypes);
const operationNames = Object.keys(RUN_TYPES);
const operationTable = new KeyTable(operationNames);
const runTypeOfOperation = operationNames.map((name) => runTypes.indexOf(RUN_TYPES[name] ?? ""));
const CHAIN = runTypes.indexOf("chain");

/** Whether a known key is not the conventions' own name for its column, and so is told in `provenance`. */
const toldKeys = Uint8Array.from(KNOWN_KEYS, (key) => {
  const column = SPAN_RULES.find(({ sources }) => sources.includes(key))?.column;
  return column === undefined || isDefaultSource(column, key) ? 0 : 1;
});
/** Distinct sets of sources met so far; senders must not be able to fill memory with them. */
const PROVENANCE_MAX = 4_096;

/**
 * The columns of the byte path that are made of several attributes: run type, dialect, usage, metadata, provenance. All
 * as `normaliseSpan` makes them.
 */
export class PlainDerived {
  readonly #columns;
  readonly #words;
  readonly #runTypes: readonly Constant[];
  readonly #makers: readonly Constant[];
  readonly #scratch: Scratch;
  readonly #provenance = new Map<string, Uint8Array>();
  #fromKind = false;

  constructor(
    batch: ColumnBatch,
    readonly list: AttributeList,
    readonly text: AttributeText,
    /** The attribute that fills each rule's column, -1 for none. */
    readonly best: Int32Array,
  ) {
    this.#scratch = batch.scratch;
    this.#columns = {
      runType: batch.text("run_type"),
      provider: batch.text("provider"),
      usageScope: batch.text("usage_scope"),
      includesCache: batch.fixed("input_includes_cache"),
      metadata: batch.text("metadata"),
      dialect: batch.text("dialect"),
      provenance: batch.text("provenance"),
    };
    const constant = (text: string): Constant => batch.scratch.constant(text);
    this.#runTypes = runTypes.map(constant);
    this.#makers = MAKERS.map(constant);
    this.#words = {
      own: constant("own"),
      rollup: constant("rollup"),
      // By the bits: 1 a current name, 2 LangSmith, 4 an old name.
      dialects: [0, 1, 2, 3, 4, 5, 6, 7].map((bits) =>
        constant(
          ["langsmith", "otel_genai", "otel_genai_legacy"]
            .filter((_name, index) => bits & ([2, 1, 4][index] ?? 0))
            .join(","),
        ),
      ),
    };
  }

  /** The run type's number, -1 when the byte path can't tell it. */
  runType(): number {
    this.#fromKind = false;
    const { list } = this;
    let operation = -1;
    for (let i = 0; i < list.count; i++) {
      const id = list.keyId[i] as number;
      if (id !== KIND_KEY && id !== OPERATION_KEY) continue;
      const offset = list.valueOffset[i] as number;
      if (list.type[i] !== TYPE_STRING || offset >= IN_SCRATCH) continue;
      const length = list.valueLength[i] as number;
      if (id === KIND_KEY) {
        const kind = kindTable.find(list.reader.bytes, offset, length);
        if (kind < 0) continue;
        this.#fromKind = true;
        return kind;
      }
      const known = operationTable.find(list.reader.bytes, offset, length);
      if (known >= 0) operation = runTypeOfOperation[known] as number;
    }
    return operation;
  }

  /** The provider that the model's name tells; -1 when the span needs none, or no name tells; -2 when only the rules can say. */
  maker(): number {
    if ((this.best[PROVIDER] as number) >= 0) return -1;
    for (const rule of MODELS) {
      const at = this.best[rule] as number;
      if (at >= 0) return makerOf(this.list, at);
    }
    return -1;
  }

  fill(row: number, runType: number, maker: number): void {
    const { list } = this;
    const columns = this.#columns;
    if (runType >= 0) {
      const word = this.#runTypes[runType] as Constant;
      columns.runType.set(row, word.offset, word.length);
    }
    if (maker >= 0) {
      const word = this.#makers[maker] as Constant;
      columns.provider.set(row, word.offset, word.length);
    }
    const { classes } = list;
    const bits = (classes & (KEY_GEN_AI | KEY_LANGSMITH)) | (classes & KEY_LEGACY ? 4 : 0);
    if (bits !== 0) {
      const word = this.#words.dialects[bits] as Constant;
      columns.dialect.set(row, word.offset, word.length);
    }
    if (classes & KEY_METADATA) this.#metadata(row);
    this.#usage(row, runType === CHAIN);
    this.#provenanceOf(row, maker);
  }

  #usage(row: number, isChain: boolean): void {
    const { best, text } = this;
    if (!USAGE.some((rule) => (best[rule] as number) >= 0)) return;
    const word = isChain ? this.#words.rollup : this.#words.own;
    this.#columns.usageScope.set(row, word.offset, word.length);
    const input = best[INPUT] as number;
    if (input < 0) return;
    let cached = 0;
    for (const rule of CACHE_TOKENS) {
      const at = best[rule] as number;
      if (at >= 0) cached += text.number(at);
    }
    // More cached tokens than input tokens: the input can't include them. Else it does, as the conventions want.
    if (cached > 0) this.#columns.includesCache.setBoolean(row, cached <= text.number(input));
  }

  #metadata(row: number): void {
    const { list } = this;
    const scratch = this.#scratch;
    const start = scratch.length;
    scratch.ascii("{");
    let first = true;
    for (let i = 0; i < list.count; i++) {
      if (((list.keyClass[i] as number) & KEY_METADATA) === 0) continue;
      if (!first) scratch.ascii(",");
      first = false;
      const offset = (list.keyOffset[i] as number) + METADATA_PREFIX.length;
      const length = (list.keyLength[i] as number) - METADATA_PREFIX.length;
      if (offset >= IN_SCRATCH) scratch.jsonString(scratch.bytes, offset - IN_SCRATCH, length);
      else scratch.jsonString(list.reader.bytes, offset, length);
      scratch.ascii(":");
      this.text.json(i);
    }
    scratch.ascii("}");
    this.#columns.metadata.set(row, start + IN_SCRATCH, scratch.length - start);
  }

  /** Most spans of the conventions need none: every column is filled by the name that it has there. */
  #provenanceOf(row: number, maker: number): void {
    const { best, list } = this;
    let told = this.#fromKind || maker >= 0 || (list.classes & KEY_METADATA) !== 0;
    for (let rule = 0; rule < best.length && !told; rule++) {
      const at = best[rule] as number;
      if (at >= 0 && toldKeys[list.keyId[at] as number] === 1) told = true;
    }
    if (!told) return;
    let name = `${this.#fromKind},${maker},${list.classes & KEY_METADATA}`;
    for (let rule = 0; rule < best.length; rule++) {
      const at = best[rule] as number;
      if (at >= 0 && toldKeys[list.keyId[at] as number] === 1) name += `,${list.keyId[at]}`;
    }
    let text = this.#provenance.get(name);
    if (text === undefined) {
      text = Buffer.from(provenanceText(this.#told(maker)) ?? "{}");
      if (this.#provenance.size >= PROVENANCE_MAX) this.#provenance.clear();
      this.#provenance.set(name, text);
    }
    const start = this.#scratch.length;
    this.#scratch.copy(text, 0, text.length);
    this.#columns.provenance.set(row, start + IN_SCRATCH, text.length);
  }

  #told(maker: number): [string, string][] {
    const { best, list } = this;
    const entries: [string, string][] = this.#fromKind ? [["run_type", KIND_SOURCE]] : [];
    for (const [rule, { column }] of SPAN_RULES.entries()) {
      const at = best[rule] as number;
      const id = at < 0 ? -1 : (list.keyId[at] as number);
      if (id >= 0 && toldKeys[id] === 1) entries.push([column, KNOWN_KEYS[id] ?? ""]);
    }
    if (maker >= 0) entries.push(["provider", "=model"]);
    if (list.classes & KEY_METADATA) entries.push(["metadata", `${METADATA_PREFIX}*`]);
    return entries;
  }
}
