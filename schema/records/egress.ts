import type { RecordType } from "./types.js";

/** What can send something out: a destination, a replay to one, and what rules reach outside. */
export const EGRESS_KINDS = ["destination", "replay", "webhook", "alert", "evaluator"] as const;

/** What became of it. */
export const EGRESS_OUTCOMES = ["sending", "success", "pending", "error"] as const;

/**
 * `egress`: what left this machine, when, to whom (invariant I7). A line of a rule or a replay is on disk before the first byte
 * leaves, and is written again with what came of it; a line of a destination sums up what it had confirmed since its last.
 */
export const EGRESS: RecordType = {
  type: "egress",
  table: "egress",
  doc: "Egress ledger: what left this machine, when, to whom, which records. A destination's line sums up what was delivered since its line before; what rules send has a line for each try.",
  fields: [
    { name: "kind", kind: "text", required: true, oneOf: EGRESS_KINDS, doc: "What sent it." },
    {
      name: "name",
      kind: "text",
      required: true,
      doc: "Destination, or evaluator, or the rule of a webhook or alert, at that time.",
    },
    {
      name: "address",
      kind: "text",
      doc: "To where: scheme, host and port, without path; of a destination that writes files their folder.",
    },
    {
      name: "outcome",
      kind: "text",
      required: true,
      oneOf: EGRESS_OUTCOMES,
      doc: "`sending` (under way, or it was when the server ended), `success`, `pending` (it failed and is tried again), `error`.",
    },
    { name: "reason", kind: "text", doc: "Why it failed, in words." },
    { name: "sent_at", kind: "time", required: true, doc: "When it was sent; of a destination, until when." },
    { name: "since", kind: "time", doc: "destination: when its line before was written." },
    { name: "first_seq", kind: "integer", doc: "destination, replay: first journal position." },
    { name: "last_seq", kind: "integer", doc: "destination, replay: last journal position." },
    { name: "items", kind: "integer", doc: "Spans, log records, data points and records that left." },
    { name: "delivered", kind: "object", doc: "destination: the same by signal." },
    { name: "filtered", kind: "object", doc: "destination: what stayed here, by rule and signal." },
    { name: "dead_letter", kind: "object", doc: "destination: what was set aside, by reason and signal." },
    { name: "rule_id", kind: "uuid", doc: "Rule that had it sent." },
    { name: "rule_name", kind: "text", doc: "Its name at that time." },
    { name: "rule_run_id", kind: "uuid", doc: "Row of `rule_runs`." },
    { name: "evaluator_id", kind: "uuid", doc: "evaluator: which." },
    { name: "trace_id", kind: "trace_id", doc: "Trace of the run that was told of." },
    { name: "span_id", kind: "span_id", doc: "Its span." },
    { name: "run_id", kind: "uuid", doc: "Its LangSmith id." },
    { name: "bytes", kind: "integer", doc: "Bytes of the body." },
    { name: "content", kind: "boolean", doc: "Whether inputs, outputs or corrections were in it." },
    { name: "redacted", kind: "boolean", doc: "Whether `redact` was applied to them." },
  ],
  columns: [
    { name: "kind", type: "VARCHAR", doc: "destination, replay, webhook, alert or evaluator." },
    { name: "name", type: "VARCHAR", doc: "Destination, or evaluator, or the rule of a webhook or alert." },
    { name: "address", type: "VARCHAR", doc: "To where: scheme, host and port, without path; or a folder." },
    { name: "outcome", type: "VARCHAR", doc: "sending, success, pending or error." },
    { name: "reason", type: "VARCHAR", doc: "Why it failed, in words." },
    { name: "sent_at", type: "TIMESTAMP_NS", doc: "When it was sent, UTC; of a destination, until when." },
    { name: "first_seq", type: "BIGINT", doc: "First journal position; null for rules." },
    { name: "last_seq", type: "BIGINT", doc: "Last journal position; null for rules." },
    { name: "items", type: "BIGINT", doc: "Spans, log records, data points and records that left." },
    {
      name: "delivered",
      type: "VARCHAR",
      json: true,
      doc: "The same by signal: JSON object. Null for rules.",
    },
    { name: "rule_id", type: "VARCHAR", doc: "Rule that had it sent." },
    { name: "evaluator_id", type: "VARCHAR", doc: "Evaluator." },
    { name: "trace_id", type: "VARCHAR", doc: "Trace of the run that was told of." },
    { name: "span_id", type: "VARCHAR", doc: "Its span." },
    { name: "run_id", type: "VARCHAR", doc: "Its LangSmith id." },
    { name: "bytes", type: "BIGINT", doc: "Bytes of the body." },
    { name: "content", type: "BOOLEAN", doc: "Whether inputs, outputs or corrections were in it." },
    { name: "redacted", type: "BOOLEAN", doc: "Whether `redact` was applied to them." },
  ],
};
