export { signatureOf } from "./key-sets.js";
export { dialectsOfScope, isMapped, TELLING_RESOURCE_VALUES } from "./detect.js";
export { DIALECTS } from "./dialects/index.js";
export { explainWithLogs } from "./log-explain.js";
export { recordingParsed } from "./json.js";
export { explainSpan, normaliseSpan, type ExplainedSpan } from "./normalise.js";
export {
  LOG_COLUMN_NAMES,
  LOG_COLUMNS,
  LOG_MESSAGE_COLUMNS,
  LOG_USAGE_COLUMNS,
  type LogColumn,
} from "./log-columns.js";
export { type LogCall, type LogContent, logEventName, normaliseLogRecord } from "./log-content.js";
export { filledByLogs, type JoinedLogContent, joinLogContent, type PlacedLogContent } from "./log-join.js";
export { attributesOfRule } from "./sources.js";
export { toFinishReason } from "./finish-reasons.js";
export { OPERATION_ALIASES, OPERATION_RUN_TYPES } from "./operations.js";
export { MODEL_MAKERS, providerOfModel, PROVIDERS, toProvider } from "./providers.js";
export { currentName, formerNames, RENAMES, type Rename } from "./renames.js";
export {
  GENAI_COLUMNS,
  JSON_COLUMNS,
  type ColumnValue,
  type Conflict,
  type Dialect,
  type GenAiColumn,
  type NormalisedColumns,
  type NormalisedSpan,
  type NamedAttributes,
  type NormaliserInput,
  type RunType,
} from "./types.js";
export { SHIPPED_PRICES } from "./prices/index.js";
export { costOf } from "./prices/cost-of.js";
export { dataOfPrice, priceIdOf, priceOfData, withTiers } from "./prices/price-data.js";
export { PriceIndex, type DatedPrice } from "./prices/price-index.js";
export { priceOf } from "./prices/price-of.js";
export { priceTable } from "./prices/price-table.js";
export {
  PRICE_ORIGINS,
  type OriginatedPrice,
  type Price,
  type PricedCost,
  type PricedUsage,
  type PriceOrigin,
  type PriceTable,
  type PriceTier,
  type Rates,
} from "./prices/types.js";
