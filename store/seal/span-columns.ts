import {
  METADATA_PREFIX,
  ROLLUP_OPERATIONS,
  RUN_TYPES,
  RUN_TYPE_SOURCES,
  SPAN_RULES,
  type ValueShape,
} from "../../schema/index.js";
import type { AnyJsonWriter } from "./any-json.js";
import {
  type AttributeList,
  KEY_GEN_AI,
  KEY_LANGSMITH,
  KEY_METADATA,
  KNOWN_KEYS,
  TYPE_ABSENT,
  TYPE_DOUBLE,
  TYPE_EMPTY,
  TYPE_INT,
  TYPE_STRING,
} from "./attribute-list.js";
import { AttributeText } from "./attribute-text.js";
import type { ColumnBatch, FixedVector, MapVector, TextVector } from "./column-batch.js";
import { KeyTable } from "./key-table.js";
import { liftCode, VALUE_CODES } from "./lift-codes.js";
import { IN_SCRATCH, type Scratch } from "./scratch.js";

const runTypeKeys = Object.keys(RUN_TYPES);
const runTypeTable = new KeyTable(runTypeKeys);
const runTypeNames = [...new Set(Object.values(RUN_TYPES))];
const runTypeName = runTypeKeys.map((key) => runTypeNames.indexOf(RUN_TYPES[key] ?? ""));
const rollupTable = new KeyTable(ROLLUP_OPERATIONS);
const runTypeSourceIds = RUN_TYPE_SOURCES.map((key) => KNOWN_KEYS.indexOf(key));

/** Rule and rank of each known key; keys that only decide the run type have rule -1. */
const ruleOfKey = new Int16Array(KNOWN_KEYS.length).fill(-1);
const rankOfKey = new Int16Array(KNOWN_KEYS.length);
for (const [rule, { sources }] of SPAN_RULES.entries()) {
  for (const [rank, key] of sources.entries()) {
    const id = KNOWN_KEYS.indexOf(key);
    ruleOfKey[id] = rule;
    rankOfKey[id] = rank;
  }
}

const layoutLetters = VALUE_CODES.map((code) => code.charCodeAt(0));
const liftHigh = KNOWN_KEYS.map((_key, id) => liftCode(id).charCodeAt(0));
const liftLow = KNOWN_KEYS.map((_key, id) => liftCode(id).charCodeAt(1));
const NOT_LIFTED = -1;
const TYPE_SUFFIX = 46;

interface Constant {
  readonly offset: number;
  readonly length: number;
}

interface Target {
  readonly shape: ValueShape;
  readonly text: TextVector | undefined;
  readonly fixed: FixedVector | undefined;
}

function ruleIndex(column: string): number {
  return SPAN_RULES.findIndex((rule) => rule.column === column);
}

const OPERATION = ruleIndex("operation");
const TOOL_NAME = ruleIndex("tool_name");
const MODELS = [ruleIndex("request_model"), ruleIndex("response_model")];
const TOKENS = ["input_tokens", "output_tokens"].map(ruleIndex);
const CACHE_TOKENS = ["cache_read_tokens", "cache_write_tokens"].map(ruleIndex);

/**
 * Phase 2 of a span: from its attribute list to the GenAI columns, `attributes` and `attribute_layout`. For each
 * column the best-ranked source that is present and usable wins. A winner that the column holds verbatim (the same
 * text that the MAP would have) is left out of the MAP and named in the layout.
 */
export class SpanColumns {
  readonly #targets: readonly Target[];
  /** Attribute that fills each rule's column, -1 for none; and the rules that have one. */
  readonly #best = new Int32Array(SPAN_RULES.length).fill(-1);
  readonly #chosen = new Uint8Array(SPAN_RULES.length);
  #chosenCount = 0;
  #lift = new Int16Array(256);
  readonly #scratch: Scratch;
  readonly #text: AttributeText;
  readonly #map: MapVector;
  readonly #layout: TextVector;
  readonly #columns;
  readonly #runTypes: readonly Constant[];
  readonly #words;

  constructor(
    batch: ColumnBatch,
    readonly list: AttributeList,
    json: AnyJsonWriter,
  ) {
    this.#scratch = batch.scratch;
    this.#text = new AttributeText(list, json);
    this.#targets = SPAN_RULES.map(({ column, shape }) => {
      const numeric = shape === "int" || shape === "double" || shape === "seconds_as_ms";
      return {
        shape,
        text: numeric ? undefined : batch.text(column),
        fixed: numeric ? batch.fixed(column) : undefined,
      };
    });
    this.#map = batch.map("attributes");
    this.#layout = batch.text("attribute_layout");
    this.#columns = {
      runType: batch.text("run_type"),
      usageScope: batch.text("usage_scope"),
      includesCache: batch.fixed("input_includes_cache"),
      metadata: batch.text("metadata"),
      dialect: batch.text("dialect"),
    };
    const constant = (text: string): Constant => batch.scratch.constant(text);
    this.#runTypes = runTypeNames.map(constant);
    this.#words = {
      chain: constant("chain"),
      tool: constant("tool"),
      llm: constant("llm"),
      own: constant("own"),
      rollup: constant("rollup"),
      dialects: ["", "otel_genai", "langsmith", "otel_genai,langsmith"].map(constant),
    };
  }

  /** Fills one row. Returns false when the attributes can't be had back exactly from it. */
  fill(row: number): boolean {
    this.#text.reset();
    this.#choose();
    this.#fillChosen(row);
    this.#fillMap(row);
    this.#derive(row);
    return this.#text.exact;
  }

  #choose(): void {
    const { list } = this;
    const best = this.#best;
    for (let i = 0; i < this.#chosenCount; i++) best[this.#chosen[i] as number] = -1;
    this.#chosenCount = 0;
    if (this.#lift.length < list.count) this.#lift = new Int16Array(list.type.length);
    this.#lift.fill(NOT_LIFTED, 0, list.count);
    for (let i = 0; i < list.count; i++) {
      const id = list.keyId[i] as number;
      if (id < 0) continue;
      const rule = ruleOfKey[id] as number;
      if (rule < 0) continue;
      const known = best[rule] as number;
      if (known >= 0 && (rankOfKey[list.keyId[known] as number] as number) < (rankOfKey[id] as number))
        continue;
      if (!this.#text.usable(i, (this.#targets[rule] as Target).shape)) continue;
      if (known < 0) this.#chosen[this.#chosenCount++] = rule;
      best[rule] = i;
    }
  }

  #fillChosen(row: number): void {
    for (let i = 0; i < this.#chosenCount; i++) {
      const rule = this.#chosen[i] as number;
      const at = this.#best[rule] as number;
      const target = this.#targets[rule] as Target;
      if (target.text !== undefined) this.#fillText(row, at, target.text, target.shape);
      else if (target.fixed !== undefined) this.#fillNumber(row, at, target.fixed, target.shape);
    }
  }

  #fillText(row: number, at: number, vector: TextVector, shape: ValueShape): void {
    const verbatim = shape !== "strings" || this.#text.isStringArrayText(at);
    if (verbatim) {
      this.#text.locate(at);
      this.#lift[at] = this.list.keyId[at] as number;
    } else this.#text.locateStrings(at);
    vector.set(row, this.#text.offset, this.#text.length);
  }

  #fillNumber(row: number, at: number, vector: FixedVector, shape: ValueShape): void {
    const { list } = this;
    const type = list.type[at];
    if (shape === "int") {
      if (type === TYPE_INT) {
        vector.set64(row, list.lo[at] as number, list.hi[at] as number);
        this.#lift[at] = list.keyId[at] as number;
      } else vector.setBigInt(row, BigInt(Math.trunc(this.#text.number(at))));
      return;
    }
    const value = this.#text.number(at);
    if (shape === "seconds_as_ms") vector.setDouble(row, value * 1000);
    else {
      vector.setDouble(row, value);
      // A dictionary page may take -0 and 0 for the same value, so a negative zero stays in the MAP.
      if (type === TYPE_DOUBLE && !Object.is(value, -0)) this.#lift[at] = list.keyId[at] as number;
    }
  }

  #fillMap(row: number): void {
    const { list } = this;
    const scratch = this.#scratch;
    const map = this.#map;
    map.starts[row] = map.entries;
    // Map texts may go to the scratch too, so they come before the layout, which must be in one piece.
    for (let i = 0; i < list.count; i++) {
      if ((this.#lift[i] as number) >= 0) continue;
      const type = list.type[i] as number;
      if (type === TYPE_EMPTY || type === TYPE_ABSENT) {
        map.add(list.keyOffset[i] as number, list.keyLength[i] as number, 0, -1);
        continue;
      }
      this.#text.locate(i);
      map.add(list.keyOffset[i] as number, list.keyLength[i] as number, this.#text.offset, this.#text.length);
    }
    map.starts[row + 1] = map.entries;
    if (list.count === 0) return;
    const start = scratch.length;
    scratch.reserve(list.count * 4);
    const bytes = scratch.bytes;
    let at = start;
    for (let i = 0; i < list.count; i++) {
      const type = list.type[i] as number;
      const lift = this.#lift[i] as number;
      if (lift < 0) bytes[at++] = layoutLetters[type] as number;
      else {
        bytes[at++] = liftHigh[lift] as number;
        bytes[at++] = liftLow[lift] as number;
        if (type !== this.#naturalType(lift)) {
          bytes[at++] = TYPE_SUFFIX;
          bytes[at++] = layoutLetters[type] as number;
        }
      }
    }
    scratch.length = at;
    this.#layout.set(row, start + IN_SCRATCH, at - start);
  }

  #naturalType(keyId: number): number {
    const shape = (this.#targets[ruleOfKey[keyId] as number] as Target).shape;
    if (shape === "int") return TYPE_INT;
    return shape === "double" ? TYPE_DOUBLE : TYPE_STRING;
  }

  #derive(row: number): void {
    const { list } = this;
    const columns = this.#columns;
    const dialects = list.classes & (KEY_GEN_AI | KEY_LANGSMITH);
    const runType = this.#runType(dialects);
    if (runType !== undefined) columns.runType.set(row, runType.offset, runType.length);
    if (dialects !== 0) {
      const word = this.#words.dialects[dialects] as Constant;
      columns.dialect.set(row, word.offset, word.length);
    }
    if (list.classes & KEY_METADATA) this.#metadata(row);
    this.#usage(row);
  }

  #runType(dialects: number): Constant | undefined {
    const { list } = this;
    if (dialects === 0) return undefined;
    for (const id of runTypeSourceIds) {
      for (let i = 0; i < list.count; i++) {
        if (list.keyId[i] !== id || list.type[i] !== TYPE_STRING) continue;
        const offset = list.valueOffset[i] as number;
        if (offset >= IN_SCRATCH) continue;
        const known = runTypeTable.find(list.reader.bytes, offset, list.valueLength[i] as number);
        if (known >= 0) return this.#runTypes[runTypeName[known] as number];
      }
    }
    if ((this.#best[TOOL_NAME] as number) >= 0) return this.#words.tool;
    if (MODELS.some((rule) => (this.#best[rule] as number) >= 0)) return this.#words.llm;
    return this.#words.chain;
  }

  #usage(row: number): void {
    if (!TOKENS.some((rule) => (this.#best[rule] as number) >= 0)) return;
    const { list } = this;
    const operation = this.#best[OPERATION] as number;
    let rollup = false;
    if (operation >= 0 && list.type[operation] === TYPE_STRING) {
      const offset = list.valueOffset[operation] as number;
      const length = list.valueLength[operation] as number;
      rollup = offset < IN_SCRATCH && rollupTable.find(list.reader.bytes, offset, length) >= 0;
    }
    const word = rollup ? this.#words.rollup : this.#words.own;
    this.#columns.usageScope.set(row, word.offset, word.length);
    const input = this.#best[TOKENS[0] as number] as number;
    if (input < 0) return;
    let cached = 0;
    for (const rule of CACHE_TOKENS) {
      const at = this.#best[rule] as number;
      if (at >= 0) cached += this.#text.number(at);
    }
    // More cached tokens than input tokens: the input can't include them. The other way round nothing is known.
    if (cached > this.#text.number(input)) this.#columns.includesCache.setBoolean(row, false);
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
      this.#text.json(i);
    }
    scratch.ascii("}");
    this.#columns.metadata.set(row, start + IN_SCRATCH, scratch.length - start);
  }
}
