export * from "./api-port.js";
export { canonicalJson, contentHash } from "./canonical-json.js";
export { wellFormedJson } from "./well-formed-json.js";
export * from "./columns.js";
export * from "./compacted-columns.js";
export { csvLine, type CsvOptions, parseCsv } from "./csv.js";
export { exampleHash, versionHash } from "./dataset-hash.js";
export * from "./errors.js";
export * from "./genai/attributes.js";
export * from "./genai/index.js";
export * from "./genai/rules.js";
export { rowSchema, type RowSchema } from "./json-schema.js";
export * from "./langsmith/index.js";
export * from "./limits.js";
export { anyValueToJson, anyValueToText, attributesToJson, doubleToText } from "./otlp/any-value.js";
export { countItems } from "./otlp/count.js";
export { createMessage } from "./otlp/compiled.js";
export { decodeMessage, decodeOtlp, type DecodableMessage } from "./otlp/decode.js";
export { encodeMessage, encodeOtlp } from "./otlp/encode.js";
export { decodeMessageJson, decodeOtlpJson } from "./otlp/json-decode.js";
export { encodeMessageJson, encodeOtlpJson } from "./otlp/json-encode.js";
export { parseJson } from "./otlp/json-parse.js";
export { ENUMS, MESSAGES, type FieldSpec, type MessageName, type MessageTypes } from "./otlp/messages.js";
export {
  decodeExportResponse,
  decodeStatus,
  encodeExportResponse,
  encodeStatus,
  type ExportResponse,
  type OtlpFormat,
  type RpcStatus,
} from "./otlp/responses.js";
export { scanRequest, scanRequestWithin, type ScanResult } from "./otlp/scan.js";
export * from "./otlp/types.js";
export * from "./records/index.js";
export * from "./import-batch.js";
export * from "./signals.js";
export * from "./log-content-columns.js";
export * from "./tables.js";
export { WireReader } from "./otlp/wire-reader.js";
export { WireWriter } from "./otlp/wire-writer.js";
