import { FORMAT_VERSION } from "../columns.js";
import type { Field, FieldKind, RecordType } from "./types.js";

type Schema = Readonly<Record<string, unknown>>;

const UUID = "^[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}$";

const KIND_SCHEMAS: Readonly<Record<FieldKind, Schema>> = {
  text: { type: "string" },
  number: { type: "number" },
  integer: { type: "integer" },
  boolean: { type: "boolean" },
  score: { type: ["number", "boolean"] },
  time: { type: "string", format: "date-time" },
  date: { type: "string", format: "date" },
  trace_id: { type: "string", pattern: UUID },
  span_id: { type: "string", pattern: "^[0-9a-fA-F]{16}$" },
  uuid: { type: "string", pattern: UUID },
  object: { type: "object" },
  list: { type: "array" },
  json: {},
};

function fieldSchema(field: Field): Schema {
  const { doc, kind, lengthMax, oneOf, fields, required } = field;
  const schema = {
    ...KIND_SCHEMAS[kind],
    ...(lengthMax === undefined ? {} : { [kind === "list" ? "maxItems" : "maxLength"]: lengthMax }),
    ...(oneOf === undefined ? {} : { enum: [...oneOf] }),
    ...(fields === undefined ? {} : kind === "list" ? { items: objectSchema(fields) } : objectSchema(fields)),
  };
  if (required === true || kind === "json") return { description: doc, ...schema };
  return { description: doc, anyOf: [schema, { type: "null" }] };
}

function objectSchema(fields: readonly Field[]): Schema {
  return {
    type: "object",
    properties: Object.fromEntries(fields.map((field) => [field.name, fieldSchema(field)])),
    required: fields.filter(({ required }) => required === true).map(({ name }) => name),
    additionalProperties: true,
  };
}

/** The JSON Schema (draft 2020-12) of the data of a type's records, made from its fields. */
export function recordDataSchema({ type, doc, fields }: RecordType): Schema {
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $id: `urn:counterfoil:format:${FORMAT_VERSION}:record:${type}`,
    title: `Data of a ${type}`,
    description: doc,
    ...objectSchema(fields),
  };
}
