export type { ImportDoor, Refused } from "./langsmith/door.js";
export { importLangSmith, type ImportOptions } from "./langsmith/import-langsmith.js";
export type { ImportReport, Skipped, TypeReport } from "./langsmith/report.js";
export { createServerDoor, type ServerDoorOptions } from "./langsmith/server-door.js";
export { LangSmithSource, type SourceClock, SourceError, type SourceOptions } from "./langsmith/source.js";
export type { ComparedType, Ids, SideOf } from "./langsmith/comparison.js";
export { verifyLangSmith, type VerifyOptions, type VerifyReport } from "./langsmith/verify-langsmith.js";
export { importParquetExport, type ParquetImportOptions } from "./langsmith/parquet-import.js";
export { type ParquetWriteOptions, writeParquetRuns } from "./langsmith/parquet-write.js";
export type { RowMapping, RowShape } from "./datasets/example-of-row.js";
export { formatOfName, readRows, type RowFile, type RowFormat } from "./datasets/file-rows.js";
export { huggingFaceFiles } from "./datasets/hugging-face-files.js";
export {
  type DatasetImportOptions,
  type DatasetImportReport,
  importDataset,
} from "./datasets/import-dataset.js";
export {
  importTraces,
  TRACE_FORMATS,
  type TraceFormat,
  type TraceImportOptions,
} from "./traces/import-traces.js";
