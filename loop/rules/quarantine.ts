import { CounterfoilError, type JsonObject, RULE_RUNS, RULE_RUNS_PER_CHANGE } from "../../schema/index.js";
import type { RecordDraft } from "../../store/index.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";
import { act, actionsIn, pendingIn, summaryOf } from "./act.js";
import { readRuleRuns } from "./known.js";
import type { ActionOutcome, Rule } from "./rule-types.js";
import { loadChange, type TakePorts } from "./take-runs.js";
import { partsOf } from "./touched-traces.js";

/** What someone decides about runs in quarantine. */
export interface QuarantineDecision {
  readonly decision: "approved" | "rejected";
  /** Ids of `rule_runs`; without them all that the rule has in quarantine. */
  readonly ids?: readonly string[];
  /** Who decides. */
  readonly by?: string;
  /** Say what it would come to, and write nothing. */
  readonly dryRun?: boolean;
}

/** What came of it for one run. */
export interface QuarantineResult {
  readonly id: string;
  readonly outcome: string;
  readonly reason: string | null;
  /** The example that is made, as it will be stored. */
  readonly example?: JsonObject;
}

/**
 * Lets runs out of quarantine, or keeps them out for good. An approved run goes through the rule's other guards as they are
 * now. Throws CF_NOT_FOUND for an id that is not in the rule's quarantine; then nothing is changed.
 */
export async function decideQuarantine(
  ports: TakePorts,
  rule: Rule,
  { decision, ids, by, dryRun = false }: QuarantineDecision,
): Promise<QuarantineResult[]> {
  const found = await inQuarantine(ports, rule);
  const missing = ids?.find((id) => !found.has(id.toLowerCase()));
  if (missing !== undefined) {
    throw new CounterfoilError("CF_NOT_FOUND", `${missing} is not in the quarantine of rule ${rule.name}`);
  }
  const wanted = ids === undefined ? [...found.keys()] : [...new Set(ids.map((id) => id.toLowerCase()))];
  const results: QuarantineResult[] = [];
  for (const part of partsOf(wanted, RULE_RUNS_PER_CHANGE)) {
    let current = found;
    const decide = async (time: string): Promise<readonly RecordDraft[]> => {
      // Someone else may have decided since: what is out of quarantine stays as it was decided.
      current = await readRuleRuns(ports.rows, part);
      const notes = new Map([...current].filter(([, note]) => isQuarantined(note)));
      return decision === "approved"
        ? approved(ports, rule, { notes, by, time })
        : rejected(notes, { by, time });
    };
    let records: readonly RecordDraft[] = [];
    if (dryRun) records = await decide(new Date().toISOString());
    else {
      await ports.datasets.change(async (time) => (records = await decide(time)));
      ports.onPending?.(pendingIn(rule, records));
    }
    for (const id of part) {
      const before = found.get(id) ?? {};
      results.push(resultOf(id, { before, current: current.get(id) ?? before }, records));
    }
  }
  return results;
}

type Notes = ReadonlyMap<string, JsonObject>;

async function inQuarantine({ rows }: TakePorts, rule: Rule): Promise<Notes> {
  const bindings = new Bindings();
  const found = await rows(
    `SELECT id, data FROM rule_runs WHERE rule_id = ${bindings.bind(rule.id)} AND contains(actions, '"quarantined"') ORDER BY seq, seq_index`,
    bindings.params,
  );
  const notes = found.map(
    (row) => [textIn(row, "id"), JSON.parse(textIn(row, "data")) as JsonObject] as const,
  );
  return new Map(notes.filter(([, note]) => isQuarantined(note)));
}

function isQuarantined(note: JsonObject): boolean {
  return actionsIn(note).some(({ outcome }) => outcome === "quarantined");
}

async function approved(
  ports: TakePorts,
  rule: Rule,
  { notes, by, time }: { readonly notes: Notes; readonly by: string | undefined; readonly time: string },
): Promise<readonly RecordDraft[]> {
  const keys = [...notes.values()].map((note) => ({
    traceId: textIn(note, "trace_id"),
    spanId: textIn(note, "span_id"),
    runId: textIn(note, "run_id"),
  }));
  const change = await loadChange(ports, { rule, keys });
  return act(ports, { ...change, time, approved: { ruleRunIds: new Set(notes.keys()), by } });
}

function rejected(
  notes: Notes,
  { by, time }: { readonly by: string | undefined; readonly time: string },
): RecordDraft[] {
  return [...notes].map(([id, note]) => {
    const done = actionsIn(note).map((each): ActionOutcome =>
      each.outcome !== "quarantined"
        ? each
        : {
            ...each,
            outcome: "skipped",
            reason: by === undefined ? "rejected" : `rejected by ${by}`,
            decision: "rejected",
            ...(by === undefined ? {} : { decided_by: by }),
          },
    );
    return {
      type: RULE_RUNS.type,
      id,
      op: "put",
      data: { ...note, ...summaryOf(done) },
      time,
      source: "rule",
    };
  });
}

/** What the note says then of the actions that were quarantined; the example is the one that they made. */
function resultOf(
  id: string,
  { before, current }: { readonly before: JsonObject; readonly current: JsonObject },
  records: readonly RecordDraft[],
): QuarantineResult {
  const note = records.find((record) => record.type === RULE_RUNS.type && record.id === id)?.data ?? current;
  const names = new Set(
    actionsIn(before).flatMap(({ action, outcome }) => (outcome === "quarantined" ? [action] : [])),
  );
  const done = actionsIn(note).filter(({ action }) => names.has(action));
  const made = new Set(done.map(({ made_id: each }) => each));
  const example = records.find((record) => record.type === "example" && made.has(record.id))?.data;
  const { outcome, reason } = summaryOf(done);
  return {
    id,
    outcome: textIn({ outcome }, "outcome"),
    reason: textIn({ reason }, "reason") || null,
    ...(example === undefined || example === null ? {} : { example }),
  };
}
