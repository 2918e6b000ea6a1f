import { ALERT_EVENTS, type JsonObject, nameUuid } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { textIn } from "../records/text-in.js";
import type { Made } from "./example-action.js";
import type { MatchedRun, Rule, RuleAction } from "./rule-types.js";

/** Namespace of the ids of alerts (I6). */
const ALERTS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e19";
const SOURCE = "rule";

/** Id of the alert that a rule raises over a run. */
export function alertIdOf(ruleId: string, run: Pick<MatchedRun, "traceId" | "spanId">): string {
  return nameUuid(ALERTS, `${ruleId}/${run.traceId}/${run.spanId}`);
}

/** What of a rule's alerts is there. */
export interface KnownAlerts {
  /** Ids of those over these runs. */
  readonly ids: Set<string>;
  /** When the rule's last one was raised, ms since 1970; -Infinity without one. A change that raises one notes it here. */
  lastMs: number;
}

/** Reads what {@link makeAlert} needs to know. */
export async function readAlerts(
  rows: Rows,
  rule: Rule,
  { actions, runs }: { readonly actions: readonly RuleAction[]; readonly runs: readonly MatchedRun[] },
): Promise<KnownAlerts> {
  if (runs.length === 0 || actions.every(({ type }) => type !== "alert"))
    return { ids: new Set(), lastMs: -Infinity };
  const bindings = new Bindings();
  const ids = runs.map((run) => bindings.bind(alertIdOf(rule.id, run))).join(", ");
  const found = await rows(
    `SELECT id, epoch_ms(created_at)::DOUBLE AS at FROM alert_events WHERE id IN (${ids})
UNION ALL SELECT NULL, max(epoch_ms(created_at))::DOUBLE FROM alert_events WHERE rule_id = ${bindings.bind(rule.id)}`,
    bindings.params,
  );
  return {
    ids: new Set(found.flatMap((row) => textIn(row, "id") || [])),
    lastMs: Math.max(-Infinity, ...found.flatMap(({ at }) => (typeof at === "number" ? [at] : []))),
  };
}

/** What an alert says. */
export function alertData({ rule, action, run, time }: Alerting): JsonObject {
  const summary = textIn(action, "summary");
  return {
    rule_id: rule.id,
    rule_name: rule.name,
    rule_version: rule.version,
    severity: action["severity"] ?? "warning",
    summary: summary.trim() === "" ? `${rule.name}: ${run.name ?? run.runId}` : summary,
    trace_id: run.traceId,
    span_id: run.spanId,
    run_id: run.runId,
    run_name: run.name,
    project: run.project,
    created_at: time,
  };
}

interface Alerting {
  readonly rule: Rule;
  readonly action: RuleAction;
  readonly run: MatchedRun;
  /** RFC 3339. */
  readonly time: string;
}

/** Raises an alert over a run, once; where it names an address, that is told later. */
export function makeAlert(known: KnownAlerts, alerting: Alerting): Made {
  const { rule, action, run, time } = alerting;
  const id = alertIdOf(rule.id, run);
  const isTold = typeof action["url"] === "string" || typeof action["url_env"] === "string";
  const outcome = isTold
    ? ({ outcome: "pending", reason: "is to be sent", requested_at: time, made_id: id } as const)
    : ({ outcome: "success", made_id: id } as const);
  if (known.ids.has(id)) return { records: [], outcome };
  const quietMs = Number(action["quiet_minutes"] ?? 0) * 60_000;
  const ageMs = Date.parse(time) - known.lastMs;
  if (ageMs < quietMs) {
    const reason = `the rule's last alert is less than ${Number(action["quiet_minutes"])} minutes old`;
    return { records: [], outcome: { outcome: "success", reason } };
  }
  known.ids.add(id);
  known.lastMs = Date.parse(time);
  const record = {
    type: ALERT_EVENTS.type,
    id,
    op: "put",
    data: alertData(alerting),
    time,
    source: SOURCE,
  } as const;
  return { records: [record], outcome };
}
