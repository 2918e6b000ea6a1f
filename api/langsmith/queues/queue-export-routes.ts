import { Bindings, type QueueItem } from "../../../loop/index.js";
import {
  csvLine,
  QUEUE_EXPORT_MAX,
  type RunFields,
  type RunRecord,
  writeRunJson,
} from "../../../schema/index.js";
import { textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { badField } from "../replies.js";
import { archivedWithin, idInPath, LANGSMITH_REVIEWER, type QueueParts, timeIn } from "./queue-parts.js";
import { runsOfItems } from "./queue-views.js";

/** Items whose content is in memory at once. */
const ITEMS_AT_ONCE = 100;
const HEAD = [
  "run_id",
  "run_name",
  "inputs",
  "outputs",
  "error",
  "added_at",
  "last_reviewed_time",
  "feedback",
];

/** The route that gives the finished runs of a queue as CSV, with what was said of them. */
export function queueExportHandlers(parts: QueueParts): Readonly<Record<string, Handler>> {
  return {
    exportQueue: async (call) => {
      const id = idInPath(call, "queue_id");
      const body = objectBody(call.request.body);
      const withPeople = body["include_annotator_detail"] === true;
      const within = new URLSearchParams();
      for (const bound of ["start_time", "end_time"]) {
        const time = timeIn(body[bound], ["body", bound]);
        if (time !== undefined) within.set(bound, time);
      }
      const archived = { reviewer: LANGSMITH_REVIEWER, sections: ["archived"] } as const;
      const items = (await parts.queues.items(id, archived)).filter((item) => archivedWithin(item, within));
      if (items.length > QUEUE_EXPORT_MAX)
        throw badField(
          ["body"],
          `exports at most ${QUEUE_EXPORT_MAX} runs, there are ${items.length}: give start_time and end_time`,
        );
      const lines = [csvLine([...HEAD, ...(withPeople ? ["completed_by"] : [])])];
      for (let at = 0; at < items.length; at += ITEMS_AT_ONCE) {
        lines.push(...(await linesOf(parts, items.slice(at, at + ITEMS_AT_ONCE), withPeople)));
      }
      return {
        status: 200,
        contentType: "text/csv; charset=utf-8",
        headers: { "content-disposition": "attachment", "x-content-type-options": "nosniff" },
        body: lines.join(""),
      };
    },
  };
}

async function linesOf(
  parts: QueueParts,
  items: readonly QueueItem[],
  withPeople: boolean,
): Promise<string[]> {
  const runs = await runsOfItems(parts, items);
  const said = await feedbackOn(parts, items, withPeople);
  return items.map((item, at) => {
    const run: RunFields = runs[at] ?? {};
    const cells = [
      textAt(item.data, "run_id") ?? "",
      textAt(run, "name") ?? "",
      ...["inputs", "outputs"].map((field) => writeRunJson(run[field] ?? null)),
      textAt(run, "error") ?? "",
      ...["added_at", "last_reviewed_time"].map((field) => textAt(item.data, field) ?? ""),
      JSON.stringify(said.get(placeOf(item.data)) ?? []),
      ...(withPeople ? [item.completedBy.join(" ")] : []),
    ];
    return csvLine(cells, { formulaSafe: true });
  });
}

/** Feedback on the runs of these items, oldest first; with whose it is where that is asked for. */
async function feedbackOn(
  { sources }: QueueParts,
  items: readonly QueueItem[],
  withPeople: boolean,
): Promise<ReadonlyMap<string, RunRecord[]>> {
  const bindings = new Bindings();
  const anyOf = (field: string): string =>
    [...new Set(items.map(({ data }) => textAt(data, field) ?? ""))]
      .map((id) => bindings.bind(id))
      .join(", ");
  const rows = await sources.reads.rows(
    `SELECT f.trace_id, f.span_id, f.data FROM feedback AS f
WHERE f.trace_id IN (${anyOf("trace_id")}) AND f.span_id IN (${anyOf("span_id")}) ORDER BY f.seq, f.seq_index`,
    bindings.params,
  );
  const said = new Map<string, RunRecord[]>();
  for (const row of rows) {
    const data = JSON.parse(textAt(row, "data") ?? "{}") as RunRecord;
    const shown = [
      "key",
      "score",
      "value",
      "comment",
      "correction",
      ...(withPeople ? ["feedback_source"] : []),
    ];
    const fields = shown.flatMap((name) =>
      (data[name] ?? null) === null ? [] : [[name, data[name]] as const],
    );
    const place = placeOf(row);
    said.set(place, [...(said.get(place) ?? []), Object.fromEntries(fields) as RunRecord]);
  }
  return said;
}

function placeOf(of: Readonly<Record<string, unknown>>): string {
  return `${textAt(of, "trace_id") ?? ""}/${textAt(of, "span_id") ?? ""}`;
}
