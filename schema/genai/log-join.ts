import {
  LOG_COLUMN_NAMES,
  LOG_COLUMNS,
  LOG_MESSAGE_COLUMNS,
  LOG_USAGE_COLUMNS,
  type LogColumn,
} from "./log-columns.js";
import type { LogContent } from "./log-content.js";
import type { ColumnValue, NormalisedColumns, RunType } from "./types.js";

/** A log record of a span, and where it stands among the others. */
export interface PlacedLogContent {
  readonly content: LogContent;
  readonly timeUnixNano: bigint;
  /** Journal sequence number of the request that it came in, and its position there. */
  readonly seq: number;
  readonly seqIndex: number;
}

/** What the log records of one span say together. */
export interface JoinedLogContent {
  readonly columns: Partial<Record<LogColumn, ColumnValue>>;
  /** Names of the events that say something for each column, sorted, with commas. */
  readonly events: Partial<Record<LogColumn, string>>;
}

function inOrder(a: PlacedLogContent, b: PlacedLogContent): number {
  if (a.timeUnixNano !== b.timeUnixNano) return a.timeUnixNano < b.timeUnixNano ? -1 : 1;
  return a.seq - b.seq || a.seqIndex - b.seqIndex;
}

/** Without what came twice: as many equal records as the request with the most of them had. */
function distinct(records: readonly PlacedLogContent[]): PlacedLogContent[] {
  const seen = new Set<string>();
  const counts = new Map<string, number>();
  return [...records].sort(inOrder).filter(({ content, seq, timeUnixNano }) => {
    const said = JSON.stringify([String(timeUnixNano), content.eventName, content.columns]);
    const count = counts.get(`${seq} ${said}`) ?? 0;
    counts.set(`${seq} ${said}`, count + 1);
    if (seen.has(`${count} ${said}`)) return false;
    seen.add(`${count} ${said}`);
    return true;
  });
}

/**
 * Puts together what the log records of one span say, as the mirror's SQL does: messages of several records in the order
 * of their times; of records with a whole exchange, and of everything else, the last one.
 */
export function joinLogContent(records: readonly PlacedLogContent[]): JoinedLogContent {
  const ordered = distinct(records);
  const columns: Partial<Record<LogColumn, ColumnValue>> = {};
  const events: Partial<Record<LogColumn, string>> = {};
  for (const name of LOG_COLUMN_NAMES) {
    const saying = ordered.filter(({ content }) => content.columns[name] !== undefined);
    if (saying.length === 0) continue;
    events[name] = [...new Set(saying.map(({ content }) => content.eventName))].sort().join(",");
    const value = valueOf(name, saying);
    if (value !== undefined) columns[name] = value;
  }
  return { columns, events };
}

function valueOf(name: LogColumn, saying: readonly PlacedLogContent[]): ColumnValue | undefined {
  const last = (records: readonly PlacedLogContent[]): ColumnValue | undefined =>
    records.at(-1)?.content.columns[name];
  const inARow = (records: readonly PlacedLogContent[]): string =>
    `[${records.map(({ content }) => String(content.columns[name]).slice(1, -1)).join(",")}]`;
  if (LOG_MESSAGE_COLUMNS.has(name)) {
    return last(saying.filter(({ content }) => content.whole)) ?? inARow(saying);
  }
  if (name !== "finish_reasons") return last(saying);
  const choices = saying.filter(({ content }) => content.choice !== undefined);
  const others = saying.filter(({ content }) => content.choice === undefined);
  return last(others) ?? inARow(choices.sort((a, b) => (a.content.choice ?? 0) - (b.content.choice ?? 0)));
}

/** The columns that records fill on a span with these columns of its own: only what it leaves open. */
export function filledByLogs(
  own: NormalisedColumns,
  joined: JoinedLogContent,
): Partial<Record<LogColumn, ColumnValue>> {
  const runType = (own.run_type ?? null) as RunType | null;
  const hasUsage = own.input_tokens !== undefined || own.output_tokens !== undefined;
  const entries = Object.entries(joined.columns).filter(([column]) => {
    const name = column as LogColumn;
    const types: readonly (RunType | null)[] = LOG_COLUMNS[name];
    return types.includes(runType) && (LOG_USAGE_COLUMNS.has(name) ? !hasUsage : own[name] === undefined);
  });
  return Object.fromEntries(entries);
}
