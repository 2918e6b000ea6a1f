export * from "./data-dir.js";
export * from "./types.js";
export * from "./data-dir-lock.js";
export { openCatalog, type CatalogOptions, type FileCatalog } from "./catalog/file-catalog.js";
export { readCatalog } from "./catalog/read-catalog.js";
export { SUPERSEDED_COLUMNS, SUPERSEDED_TABLE } from "./superseded.js";
export {
  createRecordWriter,
  type RecordDraft,
  type RecordSink,
  type RecordWriter,
  type WrittenRecords,
} from "./records/record-writer.js";
export { openSqlText } from "./views/open-sql.js";
export { queryRows, runQuery } from "./query/run-query.js";
export { createWorkDir } from "./query/work-dir.js";
export { type StreamedResult, streamQuery } from "./query/query-stream.js";
export * from "./query/query-types.js";
export { startOfNewest } from "./catalog/newest-spans.js";
export { createMirrorReader } from "./reader/mirror-reader.js";
export type { StartWindow } from "./types.js";
export type { MirrorReader, ReaderOptions, ReaderQueryOptions, ReaderRow } from "./reader/reader-types.js";
export { type Mirror, type MirrorOptions, type MirrorStats, openMirror, type SealedEvent } from "./mirror.js";
export { inflatedBytes } from "./seal/payload.js";
export { MirrorRow } from "./mirror-row.js";
export { type OtlpSelection, readOtlpRows } from "./read-otlp.js";
export { rowsToOtlp, rowsToOtlpBytes } from "./rows-to-otlp.js";
export { planRetention, type RetentionConfig } from "./retention.js";
export * from "./maintenance.js";
export {
  borrowEffectivePrices,
  PriceWatch,
  readEffectivePrices,
  readPricesOfVersion,
  returnEffectivePrices,
  writeEffectivePrices,
} from "./prices/effective-prices.js";
export { filesToRenormalise, type RewriteOptions, rewriteSpans } from "./rewrite/rewrite-spans.js";
export {
  type ColumnChanges,
  type CostChange,
  type RewriteReport,
  type SpanRewrite,
  sumOfCosts,
} from "./rewrite/rewrite-types.js";
export { checkFiles, type DamagedFile } from "./scrub/check-mirror.js";
export { checkJournal, type JournalCheck } from "./scrub/check-journal.js";
export { repairMirror, type RebuiltFile, type RepairOptions, type RepairReport } from "./scrub/repair.js";
export { type BundleDifference, compareBundles, type TableDifference } from "./bundle/compare-bundles.js";
export { checkBundle } from "./bundle/check-bundle.js";
export { ESTATE_FOLDER_PREFIX } from "./bundle/estate-reader.js";
export type { ImportEntry } from "./bundle/entries.js";
export {
  importBundle,
  type ImportDoor,
  type ImportedTable,
  type ImportOptions,
  type ImportReport,
} from "./bundle/import-bundle.js";
export { BUNDLE_FILE_FORMATS, type BundleFileFormat, type BundleManifest } from "./bundle/manifest.js";
export { readManifest, type VerifiedBundle, verifyBundle, type VerifyOptions } from "./bundle/read-bundle.js";
export { TABLE_WORDS, tablesOf } from "./bundle/tables.js";
export { type ExportOptions, type ExportReport, writeBundle } from "./bundle/write-bundle.js";
export { writeOtlp } from "./bundle/write-otlp.js";
export { type SnapshotReport, writeSnapshot } from "./bundle/write-snapshot.js";
export { type FileEngine, openFileEngine } from "./parquet/parquet-rows.js";
export { sqlString } from "./views/sql-text.js";
export { currentRecordsSql } from "./views/record-views.js";
