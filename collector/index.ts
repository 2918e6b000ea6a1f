export * from "./config/index.js";
export { startCollector, type Collector, type CollectorOptions } from "./service.js";
export type { DestinationDocument, StatusDocument } from "./status.js";
export { createLogger, type Logger } from "./telemetry/logger.js";
