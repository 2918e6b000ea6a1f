import { SPAN_RULES, type ValueShape } from "../../schema/index.js";
import type { AnyJsonWriter } from "./any-json.js";
import {
  type AttributeList,
  TYPE_ABSENT,
  TYPE_DOUBLE,
  TYPE_EMPTY,
  TYPE_INT,
  TYPE_STRING,
} from "./attribute-list.js";
import { AttributeText } from "./attribute-text.js";
import {
  type ColumnBatch,
  type FixedVector,
  type MapVector,
  type TextVector,
  unsignedZero,
} from "./column-batch.js";
import type { EnvelopeWalker } from "./envelope.js";
import type { Range } from "./envelope-texts.js";
import { KEY_GEN_AI, KEY_LANGSMITH, KEY_RULES, KNOWN_KEYS } from "./key-classes.js";
import { liftCode, VALUE_CODES } from "./lift-codes.js";
import { FINISH_REASON_TEXTS, finishReason, IS_FINISH_REASON, isPlain } from "./plain-check.js";
import { PlainDerived } from "./plain-derived.js";
import { RuledColumns } from "./ruled-columns.js";
import { IN_SCRATCH, type Scratch } from "./scratch.js";
import type { SpanLists } from "./span-lists.js";

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

const FINISH_REASONS = SPAN_RULES.findIndex((rule) => rule.column === "finish_reasons");

/**
 * Phase 2 of a span: from its attribute list to the GenAI columns, `attributes` and `attribute_layout`. Attributes of the
 * conventions mostly fill their columns as they are: then no string is made of them, and the best-ranked source that is
 * present wins. Any other span goes through the full rules (RuledColumns). An attribute that a column holds verbatim (the
 * same text that the MAP would have) is left out of the MAP and named in the layout.
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
  readonly #derived: PlainDerived;
  readonly #ruled: RuledColumns;
  readonly #finishReasons: readonly Constant[];

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
    this.#derived = new PlainDerived(batch, list, this.#text, this.#best);
    this.#ruled = new RuledColumns(batch, list);
    this.#finishReasons = FINISH_REASON_TEXTS.map((text) => batch.scratch.constant(text));
  }

  /** Rows filled since the last call whose spans came as LangSmith runs. */
  takeNativeRuns(): number[] {
    return this.#ruled.nativeRuns.splice(0);
  }

  /**
   * Fills one row from the span in that range, of which the list and `lists` are read. Returns false when the attributes
   * can't be had back exactly from it.
   */
  fill(row: number, span: Range, walker: EnvelopeWalker, lists: SpanLists): boolean {
    this.#text.reset();
    const ruled = this.#ruled.enter(walker) || this.#needsRules(lists.hasContent);
    if (!ruled) this.#choose();
    else this.#clearChoice();
    const runType = ruled ? -1 : this.#derived.runType();
    const maker = ruled ? -1 : this.#derived.maker();
    if (ruled || !this.#isPlain(runType, maker)) {
      this.#clearChoice();
      this.#ruled.fill(row, span, lists.hasEvents, this.#lift);
    } else {
      this.#fillChosen(row);
      this.#derived.fill(row, runType, maker);
    }
    this.#fillMap(row);
    return this.#text.exact;
  }

  #needsRules(hasContent: boolean): boolean {
    const { classes } = this.list;
    return (classes & KEY_RULES) !== 0 || (hasContent && (classes & (KEY_GEN_AI | KEY_LANGSMITH)) !== 0);
  }

  /** Whether what was chosen fills its columns as it is, and the rest can be told from it. */
  #isPlain(runType: number, maker: number): boolean {
    if (maker === -2) return false;
    if (runType < 0 && (this.list.classes & (KEY_GEN_AI | KEY_LANGSMITH)) !== 0) return false;
    for (let i = 0; i < this.#chosenCount; i++) {
      const rule = this.#chosen[i] as number;
      if (!isPlain(rule, this.list, this.#best[rule] as number)) return false;
    }
    return true;
  }

  #clearChoice(): void {
    for (let i = 0; i < this.#chosenCount; i++) this.#best[this.#chosen[i] as number] = -1;
    this.#chosenCount = 0;
    const { list } = this;
    if (this.#lift.length < list.count) this.#lift = new Int16Array(list.type.length);
    this.#lift.fill(NOT_LIFTED, 0, list.count);
  }

  #choose(): void {
    const { list } = this;
    const best = this.#best;
    this.#clearChoice();
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
      if (rule === FINISH_REASONS) this.#fillFinishReason(row, at, target.text);
      else if (target.text !== undefined) this.#fillText(row, at, target.text);
      else if (target.fixed !== undefined) this.#fillNumber(row, at, target.fixed, target.shape);
    }
  }

  #fillText(row: number, at: number, vector: TextVector): void {
    this.#text.locate(at);
    this.#lift[at] = this.list.keyId[at] as number;
    vector.set(row, this.#text.offset, this.#text.length);
  }

  /** One word: the conventions' own stays where it is, any other is told in theirs. */
  #fillFinishReason(row: number, at: number, vector: TextVector | undefined): void {
    if (vector === undefined) return;
    const word = finishReason(this.list, at);
    if (IS_FINISH_REASON[word] === true) return this.#fillText(row, at, vector);
    const text = this.#finishReasons[word] as Constant;
    vector.set(row, text.offset, text.length);
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
    if (shape === "seconds_as_ms") {
      if (value >= 0 && Number.isFinite(value * 1000)) vector.setDouble(row, unsignedZero(value * 1000));
    } else {
      // A dictionary page may take -0 and 0 for the same value, so a negative zero stays in the MAP.
      vector.setDouble(row, unsignedZero(value));
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
}
