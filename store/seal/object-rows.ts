import { type AnyValue, anyValueToText, type KeyValue, UNIX_NANO_MAX } from "../../schema/index.js";
import type { ColumnBatch, FixedVector, MapVector, TextVector } from "./column-batch.js";
import type { ValueCode } from "./lift-codes.js";
import { IN_SCRATCH } from "./scratch.js";

/** The layout code of a value. */
export function codeOf(value: AnyValue | undefined): ValueCode {
  if (value === undefined) return "v";
  if (value.stringValue !== undefined) return "s";
  if (value.boolValue !== undefined) return "b";
  if (value.intValue !== undefined) return "i";
  if (value.doubleValue !== undefined) return "d";
  if (value.arrayValue !== undefined) return "a";
  if (value.kvlistValue !== undefined) return "m";
  return value.bytesValue === undefined ? "n" : "x";
}

/** Whether the plain JSON of a structured value says everything about it. */
export function isExactJson(value: AnyValue | undefined): boolean {
  if (value === undefined || value.bytesValue !== undefined) return false;
  if (value.doubleValue !== undefined) return Number.isFinite(value.doubleValue);
  if (value.arrayValue !== undefined) return value.arrayValue.values.every(isExactJson);
  if (value.kvlistValue !== undefined) {
    const { values } = value.kvlistValue;
    return distinctKeys(values) && values.every((item) => isExactJson(item.value));
  }
  return true;
}

/** Whether no key occurs twice. */
export function distinctKeys(attributes: readonly KeyValue[]): boolean {
  return new Set(attributes.map((attribute) => attribute.key)).size === attributes.length;
}

/** Whether a value's text and type code say everything about it. */
export function isExactValue(value: AnyValue | undefined): boolean {
  return value?.arrayValue !== undefined || value?.kvlistValue !== undefined ? isExactJson(value) : true;
}

/** Puts decoded objects into a batch's columns: for signals that don't need the hot path. */
export class ObjectRows {
  constructor(readonly batch: ColumnBatch) {}

  /** Text; null when empty. */
  text(vector: TextVector, row: number, value: string): void {
    if (value !== "") this.batch.putText(vector, row, value);
  }

  /** A time in nanoseconds; null when 0. Returns false when the column can't hold it. */
  time(vector: FixedVector, row: number, value: bigint): boolean {
    if (value === 0n) return true;
    if (value >= UNIX_NANO_MAX) return false;
    vector.setBigInt(row, value);
    return true;
  }

  /** Attributes as a MAP of texts (the first of a repeated key) and their layout. Returns false when not exact. */
  attributes(
    map: MapVector,
    layout: TextVector | undefined,
    row: number,
    attributes: readonly KeyValue[],
  ): boolean {
    const { scratch } = this.batch;
    const seen = new Set<string>();
    let exact = true;
    let codes = "";
    map.starts[row] = map.entries;
    for (const { key, value } of attributes) {
      if (seen.has(key)) {
        exact = false;
        continue;
      }
      seen.add(key);
      const code = codeOf(value);
      codes += code;
      if (!isExactValue(value)) exact = false;
      const keyStart = scratch.length;
      scratch.text(key);
      const keyLength = scratch.length - keyStart;
      if (value === undefined || code === "n") map.add(keyStart + IN_SCRATCH, keyLength, 0, -1);
      else {
        const start = scratch.length;
        scratch.text(anyValueToText(value));
        map.add(keyStart + IN_SCRATCH, keyLength, start + IN_SCRATCH, scratch.length - start);
      }
    }
    map.starts[row + 1] = map.entries;
    if (layout !== undefined) this.text(layout, row, codes);
    return exact;
  }
}
