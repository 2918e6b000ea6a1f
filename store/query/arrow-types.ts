import * as arrow from "apache-arrow";
import type {
  DuckDBArrayType,
  DuckDBDecimalType,
  DuckDBListType,
  DuckDBMapType,
  DuckDBStructType,
  DuckDBType,
} from "@duckdb/node-api";
import { duckdb } from "../duckdb.js";

/** Digits of the widest decimal that every Arrow reader knows (128 bits). */
export const ARROW_DECIMAL_DIGITS = 38;

type TypeName = keyof (typeof import("@duckdb/node-api"))["DuckDBTypeId"];

const PLAIN_TYPES: Partial<Record<TypeName, () => arrow.DataType>> = {
  BOOLEAN: () => new arrow.Bool(),
  TINYINT: () => new arrow.Int8(),
  SMALLINT: () => new arrow.Int16(),
  INTEGER: () => new arrow.Int32(),
  BIGINT: () => new arrow.Int64(),
  UTINYINT: () => new arrow.Uint8(),
  USMALLINT: () => new arrow.Uint16(),
  UINTEGER: () => new arrow.Uint32(),
  UBIGINT: () => new arrow.Uint64(),
  FLOAT: () => new arrow.Float32(),
  DOUBLE: () => new arrow.Float64(),
  // What DuckDB itself says of them to Arrow.
  HUGEINT: () => new arrow.Decimal(0, ARROW_DECIMAL_DIGITS, 128),
  UHUGEINT: () => new arrow.Decimal(0, ARROW_DECIMAL_DIGITS, 128),
  BLOB: () => new arrow.Binary(),
  DATE: () => new arrow.DateDay(),
  TIME: () => new arrow.TimeMicrosecond(),
  TIME_NS: () => new arrow.TimeNanosecond(),
  TIMESTAMP_S: () => new arrow.TimestampSecond(),
  TIMESTAMP_MS: () => new arrow.TimestampMillisecond(),
  TIMESTAMP: () => new arrow.TimestampMicrosecond(),
  TIMESTAMP_NS: () => new arrow.TimestampNanosecond(),
  TIMESTAMP_TZ: () => new arrow.TimestampMicrosecond("UTC"),
  INTERVAL: () => new arrow.IntervalMonthDayNano(),
  SQLNULL: () => new arrow.Null(),
};

const NESTED_TYPES: Partial<Record<TypeName, (type: DuckDBType) => arrow.DataType>> = {
  DECIMAL(type) {
    const { scale, width } = type as DuckDBDecimalType;
    return new arrow.Decimal(scale, width, 128);
  },
  LIST: (type) => new arrow.List(arrowField("item", (type as DuckDBListType).valueType)),
  ARRAY(type) {
    const { length, valueType } = type as DuckDBArrayType;
    return new arrow.FixedSizeList(length, arrowField("item", valueType));
  },
  STRUCT(type) {
    const { entryNames, entryTypes } = type as DuckDBStructType;
    return new arrow.Struct(entryTypes.map((entry, at) => arrowField(entryNames[at] ?? "", entry)));
  },
  MAP(type) {
    const { keyType, valueType } = type as DuckDBMapType;
    const entry = new arrow.Struct<{ key: arrow.DataType; value: arrow.DataType }>([
      new arrow.Field("key", arrowType(keyType), false),
      arrowField("value", valueType),
    ]);
    return new arrow.Map_(new arrow.Field("entries", entry, false), false);
  },
};

/** The Arrow type that holds DuckDB's exactly; text, as DuckDB writes it, for what Arrow has no type for (UUID, BIT, UNION, ...). */
export function arrowType(type: DuckDBType): arrow.DataType {
  const name = duckdb().DuckDBTypeId[type.typeId] as TypeName;
  return NESTED_TYPES[name]?.(type) ?? PLAIN_TYPES[name]?.() ?? new arrow.Utf8();
}

/** A column or a member, that may be null as everything in SQL. */
export function arrowField(name: string, type: DuckDBType): arrow.Field {
  return new arrow.Field(name, arrowType(type), true);
}
