import * as arrow from "apache-arrow";
import type {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBIntervalValue,
  DuckDBListValue,
  DuckDBMapValue,
  DuckDBStructValue,
  DuckDBValue,
} from "@duckdb/node-api";
import { CounterfoilError } from "../../schema/index.js";
import { ARROW_DECIMAL_DIGITS } from "./arrow-types.js";

/** Values of a column; `at` is asked once for each, in order. */
export interface ColumnValues {
  readonly length: number;
  at(index: number): DuckDBValue;
}

type Fill = (index: number, value: Exclude<DuckDBValue, null>) => void;

const DECIMAL_BEYOND = 10n ** BigInt(ARROW_DECIMAL_DIGITS);
const OFFSET_MAX = 2 ** 31 - 1;
const LOW_64 = 2n ** 64n - 1n;
const MONTH_DAY_NANO_BYTES = 16;

/** One column of a batch in Arrow's memory layout. Throws CF_QUERY_FAILED for a value that the type can't hold. */
export function columnData(type: arrow.DataType, values: ColumnValues): arrow.Data {
  if (arrow.DataType.isNull(type)) return new arrow.Data(type, 0, values.length, values.length);
  if (arrow.DataType.isUtf8(type)) return bytesData(type, values, (value) => Buffer.from(String(value)));
  if (arrow.DataType.isBinary(type))
    return bytesData(type, values, (value) => (value as DuckDBBlobValue).bytes);
  if (arrow.DataType.isStruct(type)) return structData(type, values);
  if (arrow.DataType.isList(type)) return listData(type, values, type.children[0], itemsOf);
  if (arrow.DataType.isMap(type)) return listData(type, values, type.children[0], entriesOf);
  if (arrow.DataType.isFixedSizeList(type)) return arrayData(type, values);
  const { buffer, fill } = flatBuffer(type, values.length);
  const { bitmap, nullCount } = fillAll(values, fill);
  return dataOf(type, values.length, { nullCount, bitmap, buffer });
}

interface Parts {
  readonly nullCount: number;
  readonly bitmap: Uint8Array;
  readonly buffer?: ArrayBufferView;
  readonly offsets?: Int32Array;
  readonly children?: arrow.Data[];
}

function dataOf(type: arrow.DataType, length: number, parts: Parts): arrow.Data {
  const buffers = {
    [arrow.BufferType.VALIDITY]: parts.bitmap,
    ...(parts.buffer === undefined ? {} : { [arrow.BufferType.DATA]: parts.buffer }),
    ...(parts.offsets === undefined ? {} : { [arrow.BufferType.OFFSET]: parts.offsets }),
  };
  return new arrow.Data(type, 0, length, parts.nullCount, buffers, parts.children ?? []);
}

/** Asks for each value once: `fill` gets what is not null, the bitmap has a bit for it. */
function fillAll(values: ColumnValues, fill: Fill): { bitmap: Uint8Array; nullCount: number } {
  const bitmap = new Uint8Array(Math.ceil(values.length / 8));
  let nullCount = 0;
  for (let at = 0; at < values.length; at += 1) {
    const value = values.at(at);
    if (value === null) {
      nullCount += 1;
      continue;
    }
    setBit(bitmap, at);
    fill(at, value);
  }
  return { bitmap, nullCount };
}

function setBit(bits: Uint8Array, at: number): void {
  bits[at >> 3] = (bits[at >> 3] ?? 0) | (1 << (at & 7));
}

/** Numbers, times and what else has the same width in every row. */
function flatBuffer(type: arrow.DataType, length: number): { buffer: ArrayBufferView; fill: Fill } {
  if (arrow.DataType.isBool(type)) {
    const buffer = new Uint8Array(Math.ceil(length / 8));
    return { buffer, fill: (at, value) => void (value === true && setBit(buffer, at)) };
  }
  if (arrow.DataType.isDecimal(type)) {
    const words = new BigInt64Array(length * 2);
    const buffer = new Uint32Array(words.buffer);
    return {
      buffer,
      fill(at, value) {
        const number = typeof value === "bigint" ? value : (value as DuckDBDecimalValue).value;
        if (number >= DECIMAL_BEYOND || number <= -DECIMAL_BEYOND) {
          throw new CounterfoilError(
            "CF_QUERY_FAILED",
            `${number} has more than the ${ARROW_DECIMAL_DIGITS} digits that Arrow can hold. Cast the column to VARCHAR or DOUBLE.`,
          );
        }
        words[at * 2] = BigInt.asIntN(64, number & LOW_64);
        words[at * 2 + 1] = number >> 64n;
      },
    };
  }
  if (arrow.DataType.isInterval(type)) {
    const view = new DataView(new ArrayBuffer(length * MONTH_DAY_NANO_BYTES));
    return {
      buffer: new Int32Array(view.buffer),
      fill(at, value) {
        const { days, micros, months } = value as DuckDBIntervalValue;
        view.setInt32(at * MONTH_DAY_NANO_BYTES, months, true);
        view.setInt32(at * MONTH_DAY_NANO_BYTES + 4, days, true);
        view.setBigInt64(at * MONTH_DAY_NANO_BYTES + 8, micros * 1_000n, true);
      },
    };
  }
  if (arrow.DataType.isDate(type)) {
    const buffer = new Int32Array(length);
    return { buffer, fill: (at, value) => void (buffer[at] = (value as DuckDBDateValue).days) };
  }
  return numberBuffer(type, length);
}

function numberBuffer(type: arrow.DataType, length: number): { buffer: ArrayBufferView; fill: Fill } {
  const buffer = new (type.ArrayType as new (
    length: number,
  ) => { [index: number]: number | bigint } & ArrayBufferView)(length);
  const isTime = arrow.DataType.isTimestamp(type) || arrow.DataType.isTime(type);
  return {
    buffer,
    fill(at, value) {
      buffer[at] = isTime ? sinceEpoch(value as object) : (value as number | bigint);
    },
  };
}

/** The count of a time value, in the unit of its type. */
function sinceEpoch(value: object): bigint {
  const { micros, milliseconds, nanos, seconds } = value as Partial<
    Record<"micros" | "milliseconds" | "nanos" | "seconds", bigint>
  >;
  return nanos ?? micros ?? milliseconds ?? seconds ?? 0n;
}

/** Text and bytes: one after the other, with the place where each begins. */
function bytesData(
  type: arrow.DataType,
  values: ColumnValues,
  bytesOf: (value: Exclude<DuckDBValue, null>) => Uint8Array,
): arrow.Data {
  const parts: Uint8Array[] = [];
  const sizes = new Int32Array(values.length);
  const { bitmap, nullCount } = fillAll(values, (at, value) => {
    const bytes = bytesOf(value);
    parts.push(bytes);
    sizes[at] = bytes.length;
  });
  return dataOf(type, values.length, {
    nullCount,
    bitmap,
    buffer: Buffer.concat(parts),
    offsets: offsetsOf(sizes),
  });
}

/** Throws CF_QUERY_LIMIT when a batch holds more than 32 bits can tell. */
function offsetsOf(sizes: Int32Array): Int32Array {
  const offsets = new Int32Array(sizes.length + 1);
  let end = 0;
  for (const [at, size] of sizes.entries()) {
    end += size;
    if (end > OFFSET_MAX) {
      throw new CounterfoilError("CF_QUERY_LIMIT", "A few rows of the result have more than 2 GiB.");
    }
    offsets[at + 1] = end;
  }
  return offsets;
}

function itemsOf(value: DuckDBValue): readonly DuckDBValue[] {
  return (value as DuckDBListValue).items;
}

/** Entries of a map as what a struct of key and value has. */
function entriesOf(value: DuckDBValue): readonly DuckDBValue[] {
  return (value as DuckDBMapValue).entries.map((entries) => ({ entries }) as unknown as DuckDBStructValue);
}

function listData(
  type: arrow.DataType,
  values: ColumnValues,
  member: arrow.Field | undefined,
  membersOf: (value: DuckDBValue) => readonly DuckDBValue[],
): arrow.Data {
  const items: DuckDBValue[] = [];
  const sizes = new Int32Array(values.length);
  const { bitmap, nullCount } = fillAll(values, (at, value) => {
    const members = membersOf(value);
    for (const item of members) items.push(item);
    sizes[at] = members.length;
  });
  const children = member === undefined ? [] : [columnData(member.type, valuesOf(items))];
  return dataOf(type, values.length, { nullCount, bitmap, offsets: offsetsOf(sizes), children });
}

function valuesOf(items: readonly DuckDBValue[]): ColumnValues {
  return { length: items.length, at: (index) => items[index] ?? null };
}

function arrayData(type: arrow.FixedSizeList, values: ColumnValues): arrow.Data {
  const items: DuckDBValue[] = Array.from({ length: values.length * type.listSize }, () => null);
  const { bitmap, nullCount } = fillAll(values, (at, value) => {
    for (const [place, item] of (value as DuckDBArrayValue).items.entries())
      items[at * type.listSize + place] = item;
  });
  const children = [columnData(type.valueType as arrow.DataType, valuesOf(items))];
  return dataOf(type, values.length, { nullCount, bitmap, children });
}

function structData(type: arrow.Struct, values: ColumnValues): arrow.Data {
  const structs: (Readonly<Record<string, DuckDBValue>> | undefined)[] = Array.from({
    length: values.length,
  });
  const { bitmap, nullCount } = fillAll(values, (at, value) => {
    structs[at] = (value as DuckDBStructValue).entries;
  });
  const children = type.children.map(({ name, type: member }) =>
    columnData(member, { length: values.length, at: (index) => structs[index]?.[name] ?? null }),
  );
  return dataOf(type, values.length, { nullCount, bitmap, children });
}
