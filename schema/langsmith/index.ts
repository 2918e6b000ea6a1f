export { COMMIT_DESCRIPTION_LENGTH_MAX, readCommitMark, withCommitMark } from "./commit-mark.js";
export { isRunId, nameUuid, runSpanId, runTraceId } from "./ids.js";
export * from "./json-text.js";
export { mapEntryOfPrice, modelsOfPattern, type PriceOfEntry, priceOfMapEntry } from "./price-map.js";
export { encodeRuns, startNanosOf } from "./encode-runs.js";
export { scanElements, scanJson } from "./json-scan.js";
export {
  fieldNameAt,
  mergeRawFields,
  ownRawFields,
  RawFields,
  rawFieldsOf,
  type RawRun,
  readRawFields,
} from "./raw-fields.js";
export {
  ATTR_IMPORT,
  ATTR_LANGSMITH_RUN,
  ATTR_LANGSMITH_SPAN_ID,
  type NativeRun,
  NATIVE_RUN_SCOPE,
  nativeRunOf,
  objectOf,
  type RunAttachment,
  type RunJson,
  type RunRecord,
  runToSpan,
  spanToNativeRun,
} from "./run-span.js";
export { dottedOrderNanos, nanosToRunTime, runTimeNanos } from "./time.js";
