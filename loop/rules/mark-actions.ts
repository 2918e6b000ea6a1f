import { PINS, RUN_TAGS } from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { pinIdOf, runTagIdOf } from "../marks/mark-ids.js";
import { textIn } from "../records/text-in.js";
import type { Made } from "./example-action.js";
import type { MatchedRun, Rule, RuleAction } from "./rule-types.js";

const SOURCE = "rule";

/** Ids of the pins and tags of these runs that were ever there: one that someone took away does not come back. */
export async function readMarks(
  rows: Rows,
  actions: readonly RuleAction[],
  runs: readonly MatchedRun[],
): Promise<Set<string>> {
  const everThere = async (table: string, ids: readonly string[]): Promise<string[]> => {
    if (ids.length === 0) return [];
    const bindings = new Bindings();
    const list = ids.map((id) => bindings.bind(id)).join(", ");
    const found = await rows(`SELECT DISTINCT id FROM ${table} WHERE id IN (${list})`, bindings.params);
    return found.map((row) => textIn(row, "id"));
  };
  const tags = actions.filter(({ type }) => type === "tag").map((action) => textIn(action, "tag"));
  const pins = actions.some(({ type }) => type === "pin") ? runs.map(({ traceId }) => pinIdOf(traceId)) : [];
  return new Set([
    ...(await everThere("pins_history", pins)),
    ...(await everThere(
      "run_tags_history",
      tags.flatMap((tag) => runs.map((run) => runTagIdOf(run, tag))),
    )),
  ]);
}

/** What is marked, by whom and when. */
interface Marking {
  readonly rule: Rule;
  readonly action: RuleAction;
  readonly run: MatchedRun;
  /** RFC 3339. */
  readonly time: string;
}

/** Pins the trace of a run: retention keeps it. */
export function makePin(known: Set<string>, { rule, action, run, time }: Marking): Made {
  const id = pinIdOf(run.traceId);
  const data = {
    trace_id: run.traceId,
    reason: action["reason"] ?? null,
    rule_id: rule.id,
    rule_name: rule.name,
    created_at: time,
  };
  return marked(known, { type: PINS.type, id, op: "put", data, time, source: SOURCE });
}

/** Puts a tag on a run. */
export function makeTag(known: Set<string>, { rule, action, run, time }: Marking): Made {
  const tag = textIn(action, "tag");
  const id = runTagIdOf(run, tag);
  const data = {
    tag,
    trace_id: run.traceId,
    span_id: run.spanId,
    run_id: run.runId,
    rule_id: rule.id,
    rule_name: rule.name,
    created_at: time,
  };
  return marked(known, { type: RUN_TAGS.type, id, op: "put", data, time, source: SOURCE });
}

function marked(known: Set<string>, record: RecordDraft & { readonly id: string }): Made {
  const outcome = { outcome: "success", made_id: record.id } as const;
  if (known.has(record.id)) return { records: [], outcome };
  known.add(record.id);
  return { records: [record], outcome };
}
