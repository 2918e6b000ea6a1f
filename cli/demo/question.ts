/** The one question of the demo, and what its answer looks like. */

/** Columns of {@link WRONG_REFUND_SQL}. */
export interface WrongRefund {
  readonly trace_id: string;
  readonly conversation_id: string | null;
  readonly cost_usd: number | null;
  readonly rate: string | null;
  readonly answer: string;
}

/**
 * Finds answers that promise money back although the agent had just looked up a booking on a rate without refund.
 * Nothing in the telemetry marks such an answer: the two facts stand in different spans of one trace.
 */
export const WRONG_REFUND_SQL = `SELECT DISTINCT traces.trace_id, traces.conversation_id, traces.cost_usd,
       regexp_extract(tool_result, '[A-Z]+-NR') AS rate, content AS answer
FROM traces
JOIN tool_calls ON tool_calls.trace_id = traces.trace_id
JOIN messages   ON messages.trace_id   = traces.trace_id AND direction = 'output'
WHERE tool_calls.tool_name = 'search_bookings'
  AND tool_result LIKE '%-NR%'             -- the booking's rate gives nothing back,
  AND content ILIKE '%fully refundable%'   -- and the guest is told the opposite`;
