export { COMMIT_DESCRIPTION_LENGTH_MAX, readCommitMark, withCommitMark } from "./commit-mark.js";
export { isRunId, nameUuid, runSpanId, runTraceId } from "./ids.js";
export * from "./json-text.js";
export { mapEntryOfPrice, modelsOfPattern, type PriceOfEntry, priceOfMapEntry } from "./price-map.js";
export * from "./run-span.js";
export { dottedOrderNanos, nanosToRunTime, runTimeNanos } from "./time.js";
