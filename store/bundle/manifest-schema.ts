import { BUNDLE_FILE_FORMATS, BUNDLE_FORMAT, BUNDLE_VERSION } from "./manifest.js";

const COUNT = { type: "integer", minimum: 0 } as const;
const FILE = {
  path: { type: "string" },
  bytes: COUNT,
  sha256: { type: "string", pattern: "^[0-9a-f]{64}$" },
} as const;

/** The JSON Schema (draft 2020-12) of a manifest; plain data, to be written out as it is. */
export const MANIFEST_SCHEMA = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  $id: `urn:counterfoil:format:bundle-manifest:${BUNDLE_VERSION}`,
  title: "manifest.json of a Counterfoil bundle",
  type: "object",
  properties: {
    format: { const: BUNDLE_FORMAT },
    version: { type: "integer", minimum: 1 },
    producer: { type: "object", properties: { name: { type: "string" }, version: { type: "string" } } },
    table_format_version: { type: "integer", minimum: 1 },
    columns_version: COUNT,
    rule_set_version: COUNT,
    file_format: { enum: BUNDLE_FILE_FORMATS },
    selection: {
      type: "object",
      properties: {
        tables: { type: ["array", "null"], items: { type: "string" } },
        since: { type: ["string", "null"] },
      },
    },
    tables: {
      type: "array",
      items: {
        type: "object",
        properties: {
          name: { type: "string", pattern: "^[a-z][a-z0-9_]{0,62}$" },
          kind: { enum: ["telemetry", "records"] },
          rows: COUNT,
          columns: {
            type: "array",
            items: {
              type: "object",
              properties: {
                name: { type: "string" },
                type: { type: "string" },
                json: { const: true },
                doc: { type: "string" },
              },
              required: ["name", "type", "doc"],
            },
          },
          files: {
            type: "array",
            items: {
              type: "object",
              properties: { ...FILE, rows: COUNT },
              required: ["path", "bytes", "sha256", "rows"],
            },
          },
        },
        required: ["name", "kind", "rows", "columns", "files"],
      },
    },
    price_tables: {
      type: "array",
      items: { type: "object", properties: FILE, required: ["path", "bytes", "sha256"] },
    },
    sha256: FILE.sha256,
  },
  required: [
    "format",
    "version",
    "producer",
    "table_format_version",
    "columns_version",
    "rule_set_version",
    "file_format",
    "selection",
    "tables",
    "price_tables",
    "sha256",
  ],
} as const;
