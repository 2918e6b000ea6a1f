import { FORMAT_VERSION, type Column, type ColumnType } from "./columns.js";
import { columnsOf } from "./tables.js";

/** The JSON Schema (draft 2020-12) of one row; plain data, to be written out as it is. */
export interface RowSchema {
  readonly $schema: "https://json-schema.org/draft/2020-12/schema";
  readonly $id: string;
  readonly title: string;
  readonly type: "object";
  readonly properties: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly required: readonly string[];
  /** Readers ignore columns that they don't know: adding one keeps the format's version. */
  readonly additionalProperties: true;
}

/**
 * How each column type looks in a row written as JSON. 64-bit integers are JSON integers of any size. Times are ISO
 * 8601 in UTC with nine decimals, doubles that JSON can't write are strings.
 */
const JSON_TYPES: Readonly<Record<ColumnType, Readonly<Record<string, unknown>>>> = {
  VARCHAR: { type: ["string", "null"] },
  BIGINT: { type: ["integer", "null"], minimum: -(2 ** 63), exclusiveMaximum: 2 ** 63 },
  INTEGER: { type: ["integer", "null"], minimum: -(2 ** 31), maximum: 2 ** 31 - 1 },
  DOUBLE: { anyOf: [{ type: ["number", "null"] }, { enum: ["NaN", "Infinity", "-Infinity"] }] },
  BOOLEAN: { type: ["boolean", "null"] },
  TIMESTAMP_NS: {
    type: ["string", "null"],
    pattern: String.raw`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{9}Z$`,
  },
  BLOB: { type: ["string", "null"], contentEncoding: "base64" },
  "MAP(VARCHAR, VARCHAR)": {
    type: ["object", "null"],
    additionalProperties: { type: ["string", "null"] },
  },
};

function columnSchema({ type, doc, json }: Column): Readonly<Record<string, unknown>> {
  return { description: doc, ...JSON_TYPES[type], ...(json ? { contentMediaType: "application/json" } : {}) };
}

/** The schema of the rows of one of MIRROR_TABLES, made from its columns: the one source of names, types and meanings. */
export function rowSchema(table: string): RowSchema {
  const columns = columnsOf(table);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `urn:counterfoil:format:${FORMAT_VERSION}:${table}`,
    title: `One row of ${table}`,
    type: "object",
    properties: Object.fromEntries(columns.map((column) => [column.name, columnSchema(column)])),
    required: columns.map((column) => column.name),
    additionalProperties: true,
  };
}
