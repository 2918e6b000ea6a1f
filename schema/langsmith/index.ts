export { isRunId, nameUuid, runSpanId, runTraceId } from "./ids.js";
export * from "./json-text.js";
export * from "./run-span.js";
export { dottedOrderNanos, nanosToRunTime, runTimeNanos } from "./time.js";
