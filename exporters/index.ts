export type * from "./destination-types.js";
export type { FileExporterConfig } from "./file/types.js";
export type { LangSmithExporterConfig, ProjectRoute } from "./langsmith/types.js";
export type { OtlpHttpExporterConfig } from "./otlp/types.js";
export * from "./types.js";
export { createMirrorDestination, MIRROR_DESTINATION } from "./mirror/mirror-destination.js";
