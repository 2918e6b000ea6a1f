import { SPAN_COLUMNS } from "../../schema/index.js";
import { MESSAGES_PER_TURN, TOOLS_PER_TURN } from "./texts.js";

/**
 * Spans of one day as SQL: agent traces of 8 to 10 spans in the order in which they end. Everything comes from the
 * number of the trace, so the same arguments give the same rows.
 */

/** Turns of a conversation: its traces, minutes apart, each repeating the history of those before. */
export const TURNS = 2;

/** What one day's rows are made from. */
export interface Day {
  /** Start, milliseconds since 1970. */
  readonly startMs: number;
  readonly firstTrace: number;
  readonly traces: number;
  readonly seq: number;
  /** Table (c, messages) of the day's conversations that have content; conversation c has the traces c * TURNS... */
  readonly conversations: string;
}

const MODELS = ["gpt-5.1", "gpt-5.1-mini", "claude-opus-4-5", "claude-sonnet-4-5", "gemini-3-pro"];
const PROJECTS = ["support", "billing", "concierge", "triage", "research", "sales"];
const list = (values: readonly string[]): string => `[${values.map((value) => `'${value}'`).join(", ")}]`;

/** A number from 0 to `limit` - 1, by the trace, or by the span, and a salt. */
const ofTrace = (salt: number, limit: number): string => `CAST(hash(t * 64 + ${salt}) % ${limit} AS BIGINT)`;
const ofSpan = (salt: number, limit: number): string =>
  `CAST(hash(t * 640 + k * 64 + ${salt}) % ${limit} AS BIGINT)`;

/** k = 0 root, 1 retrieval, then a chat and a tool in turn; the last one is a chat. */
const CHAT = "(k > 1 AND k % 2 = 0)";
const TOOL = "(k > 1 AND k % 2 = 1)";
const RAG = "(k = 1)";
const FIRST_MESSAGE = `(t % ${TURNS}) * ${MESSAGES_PER_TURN}`;
/** Messages that the chat k was given: the turns before, the question, and a call and its result for each tool. */
const GIVEN = `(${FIRST_MESSAGE} + 1 + 2 * least((k - 2) // 2, ${TOOLS_PER_TURN}))`;

const VALUES: Readonly<Record<string, string>> = {
  trace_id: "md5(CAST(t AS VARCHAR))",
  span_id: "span",
  parent_span_id: "CASE WHEN k > 0 THEN root END",
  name: `CASE WHEN k = 0 THEN 'invoke_agent ' || project WHEN ${RAG} THEN 'retrieval kb-main' WHEN ${CHAT} THEN 'chat ' || model ELSE 'execute_tool ' || tool END`,
  kind: `CASE WHEN ${CHAT} THEN 'CLIENT' ELSE 'INTERNAL' END`,
  start_time: "make_timestamp_ns(began)",
  end_time: "make_timestamp_ns(began + took)",
  duration_ns: "took",
  status_code: `CASE WHEN ${ofSpan(5, 40)} = 0 THEN 'ERROR' ELSE 'UNSET' END`,
  service_name: "project || '-api'",
  project: "project",
  environment: `CASE WHEN ${ofTrace(6, 10)} = 0 THEN 'staging' ELSE 'production' END`,
  operation: `CASE WHEN k = 0 THEN 'invoke_agent' WHEN ${RAG} THEN 'retrieval' WHEN ${CHAT} THEN 'chat' ELSE 'execute_tool' END`,
  run_type: `CASE WHEN k = 0 THEN 'chain' WHEN ${RAG} THEN 'retriever' WHEN ${CHAT} THEN 'llm' ELSE 'tool' END`,
  provider: `CASE WHEN ${CHAT} THEN CASE WHEN model LIKE 'claude%' THEN 'anthropic' WHEN model LIKE 'gpt%' THEN 'openai' ELSE 'gcp.gemini' END END`,
  request_model: `CASE WHEN ${CHAT} THEN model END`,
  response_model: `CASE WHEN ${CHAT} THEN model || '-2026-09-01' END`,
  agent_name: "project || '-agent'",
  tool_name: `CASE WHEN ${TOOL} THEN tool END`,
  conversation_id: `'conv_' || (t // ${TURNS})`,
  user_id: `'user-' || CAST(hash((t // ${TURNS}) * 64 + 7) % 5000 AS BIGINT)`,
  input_tokens: `CASE WHEN ${CHAT} THEN 800 + ${ofSpan(8, 6000)} WHEN k = 0 THEN 12000 + ${ofSpan(8, 9000)} END`,
  output_tokens: `CASE WHEN ${CHAT} THEN 30 + ${ofSpan(9, 900)} WHEN k = 0 THEN 1500 END`,
  cache_read_tokens: `CASE WHEN ${CHAT} THEN ${ofSpan(10, 600)} END`,
  usage_scope: `CASE WHEN ${CHAT} THEN 'own' WHEN k = 0 THEN 'rollup' END`,
  cost_usd: `CASE WHEN ${CHAT} THEN (800 + ${ofSpan(8, 6000)}) * 1.25e-6 + (30 + ${ofSpan(9, 900)}) * 1e-5 END`,
  time_to_first_token_ms: `CASE WHEN ${CHAT} THEN 80.0 + ${ofSpan(12, 900)} END`,
  finish_reasons: `CASE WHEN ${CHAT} THEN CASE WHEN k = last THEN '["stop"]' ELSE '["tool_calls"]' END END`,
  error_type: `CASE WHEN ${ofSpan(5, 40)} = 0 THEN 'TimeoutError' END`,
  input_messages: `CASE WHEN ${CHAT} THEN '[' || array_to_string(messages[1:${GIVEN}], ',') || ']' WHEN k = 0 THEN '[' || messages[${FIRST_MESSAGE} + 1] || ']' END`,
  output_messages: `CASE WHEN k = last OR k = 0 THEN '[' || messages[${FIRST_MESSAGE} + ${MESSAGES_PER_TURN}] || ']' WHEN ${CHAT} THEN '[' || messages[${GIVEN} + 1] || ']' END`,
  tool_arguments: `CASE WHEN ${TOOL} THEN json_extract(messages[${FIRST_MESSAGE} + k - 1], '$.parts[0].arguments')::VARCHAR END`,
  tool_result: `CASE WHEN ${TOOL} THEN json_extract_string(messages[${FIRST_MESSAGE} + k], '$.parts[0].result') END`,
  attributes: `map_from_entries([{'key': 'app.tenant', 'value': 'tenant-' || ${ofTrace(13, 40)}}, {'key': 'app.release', 'value': '2026.11.' || ${ofTrace(14, 20)}}, {'key': 'thread.id', 'value': CAST(${ofSpan(15, 64)} AS VARCHAR)}])`,
  attribute_layout: `CASE WHEN ${CHAT} THEN 'Aa0Aa1Aa2Aa3sss' WHEN ${TOOL} THEN 'Aa0Aa4Aa2sss' ELSE 'Aa0Aa2sss' END`,
  flags: "257",
  resource_attributes: `'{"service.name":"' || project || '-api","service.version":"4.12.' || ${ofTrace(16, 30)} || '","service.instance.id":"i-' || ${ofTrace(17, 12)} || '","deployment.environment.name":"production","telemetry.sdk.language":"nodejs","telemetry.sdk.name":"opentelemetry","telemetry.sdk.version":"2.12.0"}'`,
  scope: `'{"name":"' || project || '-agent","version":"0.12.3"}'`,
  dialect: "'otel_genai'",
  rule_set_version: "1",
  source: "'otlp'",
  received_at: "make_timestamp_ns(began + took + 500000000)",
  seq: "0",
  seq_index: "0",
};

/** SELECT of one day's rows with all columns of `spans`, in order of arrival, `seqRows` of them for each seq. */
export function daySpansSql(day: Day, seqRows: number): string {
  const columns = SPAN_COLUMNS.map(({ name, type }) => {
    if (name === "seq") return `CAST(${day.seq} + place // ${seqRows} AS BIGINT) AS seq`;
    if (name === "seq_index") return `CAST(place % ${seqRows} AS INTEGER) AS seq_index`;
    return `CAST(${VALUES[name] ?? "NULL"} AS ${type}) AS "${name}"`;
  });
  const gap = Math.floor((86_000_000 / day.traces) * 1e6);
  return `WITH made AS (
  SELECT t, unnest(range(0, 8 + 2 * ${ofTrace(1, 2)} + 1)) AS k, 8 + 2 * ${ofTrace(1, 2)} AS last,
    ${list(PROJECTS)}[1 + CAST(hash((t // ${TURNS}) * 64 + 2) % ${PROJECTS.length} AS BIGINT)] AS project,
    ${list(MODELS)}[1 + ${ofTrace(3, MODELS.length)}] AS model,
    CAST(${day.startMs} AS BIGINT) * 1000000 + (t - ${day.firstTrace}) * ${gap} + ${ofTrace(18, 60)} * 1000000000 AS trace_began
  FROM range(${day.firstTrace}, ${day.firstTrace + day.traces}) AS r(t)
), timed AS (
  SELECT *, 'tool_' || ${ofSpan(4, 12)} AS tool, md5(CAST(t * 64 AS VARCHAR))[1:16] AS root,
    md5(CAST(t * 64 + k AS VARCHAR))[1:16] AS span,
    trace_began + CASE WHEN k = 0 THEN 0 ELSE (k - 1) * 1500000000 + 10000 * ${ofSpan(19, 100)} END AS began,
    CASE WHEN k = 0 THEN last * 1500000000 + 1000 * ${ofSpan(20, 900_000)} ELSE 40000000 + 1000 * ${ofSpan(20, 1_400_000)} END AS took
  FROM made
), placed AS (
  SELECT *, row_number() OVER (ORDER BY began + took, t, k) - 1 AS place FROM timed
)
SELECT ${columns.join(", ")}
FROM placed LEFT JOIN ${day.conversations} AS c ON c.c = t // ${TURNS}
ORDER BY place`;
}
