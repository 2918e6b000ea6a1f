import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runQuery } from "../../store/index.js";
import type { Comparison, SpanLedger } from "./ledger.js";
import { numberOf } from "./numbered-spans.js";

const QUERY_TIMEOUT_MS = 10 * 60 * 1000;
const QUERY_MEMORY_MB = 2_048;

/** Reads the ids of every span that the mirror shows and compares them with what was acknowledged. */
export async function compareMirror(dataDir: string, ledger: SpanLedger): Promise<Comparison> {
  const output = join(dataDir, "soak-span-ids.csv");
  const { warnings } = await runQuery({
    dataDir,
    sql: "SELECT span_id FROM spans",
    format: "csv",
    output,
    rowsMax: Number.MAX_SAFE_INTEGER,
    timeoutMs: QUERY_TIMEOUT_MS,
    memoryMb: QUERY_MEMORY_MB,
  });
  if (warnings.length > 0) throw new Error(`reading back: ${warnings.join("; ")}`);
  const numbers: number[] = [];
  for await (const line of createInterface({ input: createReadStream(output) })) {
    if (line !== "span_id") numbers.push(numberOf(line));
  }
  return ledger.compare(numbers);
}

/** Seals everything that the journal holds. Throws when it does not get there in time. */
export async function flushMirror(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/flush`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ to: "mirror", deadline_ms: 300_000 }),
  });
  if (response.status !== 200) throw new Error(`flush: ${await response.text()}`);
}
