import { RECORD_TYPES, UNKNOWN_RECORDS_TABLE } from "../../schema/records/record-tables.js";
import type { RecordType } from "../../schema/records/types.js";
import { columnsOf } from "../../schema/tables.js";
import { filesRelation, storedColumns, type ViewFile } from "./files-relation.js";
import { sqlIdentifier } from "./sql-text.js";

/** The view of every change of a record table, beside the one of its current state. */
export function historyOf(table: string): string {
  return `${table}_history`;
}

/** A view over records: its name, the views that it uses, and its SQL. */
export interface RecordView {
  readonly name: string;
  readonly uses: readonly string[];
  readonly sql: (files: (table: string) => readonly ViewFile[]) => string;
}

const create = (name: string, select: string): string =>
  `CREATE OR REPLACE VIEW ${sqlIdentifier(name)} AS\n${select};`;

function everyChange(table: string, files: readonly ViewFile[]): string {
  const columns = columnsOf(table);
  return `SELECT ${storedColumns(columns, files)} FROM ${filesRelation(columns, files)}`;
}

/**
 * Of the changes of one id. What was read out of telemetry yields to what was decided, and is ordered by its own time
 * before that of its arrival: a redelivered span must not undo anything.
 */
const LATEST_FIRST =
  "coalesce(source, '') <> 'otlp' DESC, CASE WHEN source = 'otlp' THEN time END DESC NULLS LAST, seq DESC, seq_index DESC";

/**
 * SELECT of the last change of each id of a record table, unless it is a delete, over the view of its history. Of
 * `feedback` it has the ids as they were given: only the view `feedback` looks up those that are missing. `only` is
 * a condition that holds for all changes of an id or for none.
 */
export function currentRecordsSql(table: string, only?: string): string {
  return `SELECT * FROM (
  SELECT * FROM ${sqlIdentifier(historyOf(table))}${only === undefined ? "" : ` WHERE ${only}`}
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY ${LATEST_FIRST}) = 1
) WHERE op = 'put'`;
}

/**
 * `feedback` names a span by its run id, its span id, or both and the trace id, and may come before the span. The ids
 * that it lacks are looked up among the spans; when nothing lacks any, no file of spans is read.
 */
const FEEDBACK_SELECT = `WITH latest AS (${currentRecordsSql("feedback")}),
open AS (
  SELECT id, run_id, span_id, response_id FROM latest
  WHERE target = 'span' AND (trace_id IS NULL OR span_id IS NULL)
),
found AS (
  SELECT id, min({'trace_id': s.trace_id, 'span_id': s.span_id}) AS span FROM (
    SELECT o.id, s.trace_id, s.span_id FROM spans AS s JOIN open AS o ON o.span_id = s.span_id
    UNION ALL
    SELECT o.id, s.trace_id, s.span_id FROM spans AS s JOIN open AS o ON o.run_id = s.run_id AND o.span_id IS NULL
    UNION ALL
    SELECT o.id, s.trace_id, s.span_id FROM (
      SELECT trace_id, span_id, attributes['gen_ai.response.id'] AS response_id FROM spans
    ) AS s JOIN open AS o ON o.response_id = s.response_id AND o.span_id IS NULL AND o.run_id IS NULL
  ) AS s GROUP BY id
)
SELECT latest.* REPLACE (
  coalesce(latest.trace_id, found.span.trace_id) AS trace_id,
  coalesce(latest.span_id, found.span.span_id) AS span_id
)
FROM latest LEFT JOIN found USING (id)`;

function viewsOf({ table, doc }: RecordType): RecordView[] {
  const history = historyOf(table);
  const isFeedback = table === "feedback";
  return [
    {
      name: history,
      uses: [],
      sql: (files) =>
        `-- ${history}: every change of \`${table}\`, one row each.\n${create(history, everyChange(table, files(table)))}`,
    },
    {
      name: table,
      uses: isFeedback ? [history, "spans"] : [history],
      sql: () =>
        `-- ${table}: ${doc}\n${create(table, isFeedback ? FEEDBACK_SELECT : currentRecordsSql(table))}`,
    },
  ];
}

/** Views over records, in an order in which each uses only those before it, after the view `spans`. */
export const RECORD_VIEWS: readonly RecordView[] = [
  ...RECORD_TYPES.flatMap(viewsOf),
  {
    name: UNKNOWN_RECORDS_TABLE,
    uses: [],
    sql: (files) =>
      `-- ${UNKNOWN_RECORDS_TABLE}: changes of types that the version that sealed them did not know.\n${create(UNKNOWN_RECORDS_TABLE, everyChange(UNKNOWN_RECORDS_TABLE, files(UNKNOWN_RECORDS_TABLE)))}`,
  },
];
