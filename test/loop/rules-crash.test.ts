import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createApi } from "../../api/index.js";
import { type Collector, createLogger, defaultConfig, startCollector } from "../../collector/index.js";
import type { ApiEntry } from "../../schema/index.js";
import { dataDirPaths, queryRows } from "../../store/index.js";

const root = mkdtempSync(join(tmpdir(), "counterfoil-rules-crash-"));
const dataDir = join(root, "data");
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 20 }));

const TRACE = "0af7651916cd43dd8448eb211c80319c";
/** Where the server dies while it writes what a rule made. */
type Death = "before it is written" | "after it is written, before anyone knows" | "never";

interface Life {
  readonly url: string;
  /** Resolves when the rule wrote, or died over it. */
  readonly acted: Promise<void>;
  end(): Promise<void>;
}

async function live(death: Death): Promise<Life> {
  let tell = (): void => undefined;
  const acted = new Promise<void>((resolve) => (tell = resolve));
  const isRules = ({ signal, payload }: ApiEntry): boolean =>
    signal === "records" && Buffer.from(payload).includes('"type":"rule_run"');
  const collector: Collector = await startCollector(defaultConfig({}), {
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    logger: createLogger("silent"),
    createApi: (host) =>
      createApi({
        ...host,
        append: async (entry) => {
          if (!isRules(entry)) return host.append(entry);
          if (death === "before it is written") {
            tell();
            throw new Error("killed");
          }
          const seq = await host.append(entry);
          tell();
          if (death !== "never") throw new Error("killed");
          return seq;
        },
      }),
  });
  return {
    url: `http://127.0.0.1:${collector.ports.http}`,
    acted,
    end: () => collector.shutdown(5_000),
  };
}

async function post(url: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

test("I6: a server that dies before or after it wrote what a rule made, and loses the rule's cursor, has exactly one example in the end", async () => {
  const first = await live("before it is written");
  const rule = {
    name: "golden",
    filter: 'eq(feedback_key, "right")',
    debounce_seconds: 0,
    actions: [{ type: "add_to_dataset", dataset: "golden" }],
  };
  await post(first.url, "/api/v1/rules/apply", { rules: [rule] });
  const span = { traceId: TRACE, spanId: "b7ad6b7169203331", name: "agent" };
  const times = { startTimeUnixNano: "1795413600000000000", endTimeUnixNano: "1795413601000000000" };
  await post(first.url, "/v1/traces", {
    resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, ...times }] }] }],
  });
  await post(first.url, "/api/v1/feedback", {
    trace_id: TRACE,
    key: "right",
    score: 0,
    correction: { a: 1 },
  });
  await first.acted;
  await first.end();

  // Nothing was written, so it is still to do; then it was, and nobody was told.
  const second = await live("after it is written, before anyone knows");
  await second.acted;
  await second.end();
  const third = await live("never");
  await post(third.url, "/api/v1/rules/wait", { deadline_ms: 60_000 });
  await third.end();
  rmSync(dataDirPaths(dataDir).ruleCursors);
  const fourth = await live("never");
  await post(fourth.url, "/api/v1/rules/wait", { deadline_ms: 60_000 });
  await fourth.end();

  const sql = `SELECT (SELECT count(*) FROM examples_history) AS examples, (SELECT count(*) FROM datasets_history) AS datasets,
  (SELECT count(*) FROM rule_runs_history) AS runs, (SELECT count(*) FROM rule_runs WHERE outcome = 'success') AS done`;
  expect(await queryRows({ dataDir, sql })).toEqual([{ examples: 1, datasets: 1, runs: 1, done: 1 }]);
});
