import type { RecordType } from "./types.js";

/** How bad it is. */
export const ALERT_SEVERITIES = ["info", "warning", "error", "critical"] as const;

/** `alert_events`: that something was worth telling someone. */
export const ALERT_EVENTS: RecordType = {
  type: "alert_event",
  table: "alert_events",
  doc: "Alerts: what rules found worth telling someone, one event a rule and run.",
  fields: [
    { name: "rule_id", kind: "uuid", required: true, doc: "Rule." },
    { name: "rule_name", kind: "text", doc: "Its name at that time." },
    { name: "rule_version", kind: "integer", doc: "Its version at that time." },
    { name: "severity", kind: "text", required: true, oneOf: ALERT_SEVERITIES, doc: "How bad it is." },
    { name: "summary", kind: "text", required: true, doc: "In words." },
    { name: "trace_id", kind: "trace_id", required: true, doc: "Trace of the run." },
    { name: "span_id", kind: "span_id", required: true, doc: "Span of the run." },
    { name: "run_id", kind: "uuid", doc: "LangSmith id of the run." },
    { name: "run_name", kind: "text", doc: "Name of the run." },
    { name: "project", kind: "text", doc: "Project of the run." },
    { name: "created_at", kind: "time", doc: "When the rule found it." },
  ],
  columns: [
    { name: "rule_id", type: "VARCHAR", doc: "Rule." },
    { name: "rule_name", type: "VARCHAR", doc: "Its name at that time." },
    { name: "severity", type: "VARCHAR", doc: "info, warning, error or critical." },
    { name: "summary", type: "VARCHAR", doc: "In words." },
    { name: "trace_id", type: "VARCHAR", doc: "Trace of the run." },
    { name: "span_id", type: "VARCHAR", doc: "Span of the run." },
    { name: "run_id", type: "VARCHAR", doc: "LangSmith id of the run." },
    { name: "project", type: "VARCHAR", doc: "Project of the run." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When the rule found it, UTC." },
  ],
};
