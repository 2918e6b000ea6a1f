import { errorMessage } from "../schema/index.js";
import { runQuery } from "../store/index.js";

/**
 * Analysts who ask one question after another over a mirror, each as soon as the one before is answered. Arguments: the
 * data directory, how many. Ends with a report on `stop`.
 */
const [dataDir = "", analysts = "16"] = process.argv.slice(2);

const QUESTIONS: readonly string[] = [
  "SELECT request_model, count(*) AS calls, quantile_cont(duration_ns, 0.95) AS p95 FROM llm_calls GROUP BY 1 ORDER BY 2 DESC",
  "SELECT trace_id, name, start_time, duration_ns FROM spans WHERE parent_span_id IS NULL ORDER BY start_time DESC LIMIT 50",
  "SELECT user_id, sum(input_tokens) AS tokens FROM spans WHERE usage_scope IS DISTINCT FROM 'rollup' GROUP BY 1 ORDER BY 2 DESC LIMIT 20",
  "SELECT count(*) AS hits FROM spans WHERE output_messages LIKE '%refund%'",
  "SELECT * FROM spans WHERE trace_id = (SELECT max(trace_id) FROM spans)",
];

const stopping = new AbortController();
const times: number[] = [];
const failures: string[] = [];

async function analyst(first: number): Promise<void> {
  for (let question = first; !stopping.signal.aborted; question++) {
    const sql = QUESTIONS[question % QUESTIONS.length] ?? "";
    const started = performance.now();
    try {
      await runQuery({ dataDir, sql, format: "json" });
      times.push(performance.now() - started);
    } catch (error) {
      failures.push(errorMessage(error));
    }
  }
}

const all = Array.from({ length: Number(analysts) }, (_, index) => analyst(index));
process.on("message", () => {
  stopping.abort();
  void Promise.all(all).then(() =>
    process.send?.({ times, failed: failures.length, failure: failures[0] }, () => process.disconnect()),
  );
});
