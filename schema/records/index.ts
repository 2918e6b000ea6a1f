export { decodeRecords, encodeRecords } from "./codec.js";
export { FEEDBACK, FEEDBACK_TARGETS } from "./feedback.js";
export { hexToUuid, spanIdOf, spanIdOfRunId, traceIdOf, uuidOf } from "./ids.js";
export { recordDataSchema } from "./json-schema.js";
export { PRICES } from "./prices.js";
export * from "./record-tables.js";
export { timeToUnixNano, unixNanoToTime } from "./time.js";
export * from "./types.js";
export { checkRecord, type CheckOptions, recordTypeOf } from "./validate.js";
