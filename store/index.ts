export * from "./data-dir.js";
export * from "./types.js";
export * from "./data-dir-lock.js";
export { openCatalog, type CatalogOptions, type FileCatalog } from "./catalog/file-catalog.js";
export { readCatalog } from "./catalog/read-catalog.js";
export { SUPERSEDED_COLUMNS, SUPERSEDED_TABLE } from "./superseded.js";
export { openSqlText } from "./views/open-sql.js";
export { queryRows, runQuery } from "./query/run-query.js";
export * from "./query/query-types.js";
