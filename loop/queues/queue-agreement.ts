import type { JsonObject } from "../../schema/index.js";
import type { AgreementLevel } from "../feedback/agreement.js";
import { type AgreementReport, agreementReport } from "../feedback/agreement-report.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { AnnotationQueue } from "./queue-types.js";
import { textIn } from "../records/text-in.js";

/**
 * How far raters agree on the runs of a queue, for each key of its rubric; without a rubric for each key that reviewers
 * used in it. Whoever gave feedback on such a run counts, a model too.
 */
export async function queueAgreement(
  rows: Rows,
  queue: Pick<AnnotationQueue, "id" | "data">,
  level: AgreementLevel,
): Promise<AgreementReport[]> {
  const scope = {
    sql: "{'t': trace_id, 's': span_id} IN (SELECT {'t': trace_id, 's': span_id} FROM queue_items WHERE queue_id = $2)",
    params: [queue.id],
  };
  const rubric = (queue.data["rubric_items"] ?? []) as readonly JsonObject[];
  const asked = rubric.map((item) => textIn(item, "feedback_key"));
  const keys = asked.length > 0 ? asked : await usedKeys(rows, queue.id);
  const reports: AgreementReport[] = [];
  for (const key of keys) reports.push(await agreementReport(rows, key, level, scope));
  return reports;
}

async function usedKeys(rows: Rows, queueId: string): Promise<string[]> {
  const found = await rows(
    "SELECT DISTINCT key FROM feedback WHERE json_extract_string(source_metadata, '$.queue_id') = $1 ORDER BY key",
    [queueId],
  );
  return found.map((row) => textIn(row, "key"));
}
