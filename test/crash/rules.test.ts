import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { queryRows } from "../../store/index.js";
import { LONG_TESTS } from "../support/long-tests.js";

const CHILD = fileURLToPath(new URL("./rules.child.mjs", import.meta.url));
/** Where the server is killed: by itself over what the rule makes or an evaluator answered, or by us some time after the feedback. */
const DEATHS = ["before", "after answer", "after", "before answer", "any time"] as const;
const ROUNDS = LONG_TESTS ? 100 : 2;
const RULE = {
  name: "golden",
  filter: 'eq(feedback_key, "right")',
  debounce_seconds: 0,
  actions: [
    { type: "add_to_dataset", dataset: "golden" },
    { type: "run_evaluator", evaluator: "length" },
    { type: "run_evaluator", evaluator: "peer" },
    { type: "alert" },
    { type: "tag", tag: "golden" },
    { type: "pin" },
  ],
};
/** Answers whatever it is asked. */
const judge = createServer((request, response) => {
  request.resume().on("end", () => response.end('{"score": 1}'));
});
beforeAll(() => new Promise<void>((resolve) => judge.listen(0, "127.0.0.1", resolve)));
const evaluators = () => [
  { name: "length", kind: "sql", feedback_key: "length", sql: "length(s.name)" },
  {
    name: "peer",
    kind: "http",
    feedback_key: "peer",
    url: `http://127.0.0.1:${(judge.address() as AddressInfo).port}`,
  },
];

const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-crash-rules-"));
afterAll(() => judge.close());
afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));

interface Server {
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly lines: Interface;
  readonly url: string;
  readonly gone: Promise<unknown>;
}

async function start(): Promise<Server> {
  const child = spawn(process.execPath, [CHILD, dataDir], { stdio: ["pipe", "pipe", "inherit"] });
  const gone = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const [port] = (await once(lines, "line")) as [string];
  return { process: child, lines, gone, url: `http://127.0.0.1:${port}` };
}

async function post({ url }: Server, path: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status, await answer.text()).toBe(200);
}

/** Resolves when so many runs are done with, evaluators included. */
async function settled(server: Server, runs: number): Promise<void> {
  await post(server, "/api/v1/rules/wait", { deadline_ms: 60_000 });
  const done = async (): Promise<number> => {
    const answer = await fetch(`${server.url}/api/v1/rules/golden/logs?outcome=success&limit=1000`);
    return ((await answer.json()) as unknown[]).length;
  };
  await expect.poll(done, { timeout: 60_000, interval: 100 }).toBe(runs);
}

const traceOf = (round: number): string => (round + 1).toString(16).padStart(32, "a");

/** Sends a run and the feedback that makes the rule take it; both are acknowledged. */
async function judged(server: Server, round: number): Promise<void> {
  const span = {
    traceId: traceOf(round),
    spanId: (round + 1).toString(16).padStart(16, "b"),
    name: "agent",
    startTimeUnixNano: "1795413600000000000",
    endTimeUnixNano: "1795413601000000000",
  };
  await post(server, "/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
  const about = { trace_id: span.traceId, key: "right", score: 0 };
  await post(server, "/api/v1/feedback", { ...about, correction: { round } });
}

it(
  "I6: killed with SIGKILL between feedback, rule, evaluator and dataset again and again, a server has exactly one example of each run",
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const server = await start();
      if (round === 0) {
        await post(server, "/api/v1/evaluators/apply", { evaluators: evaluators() });
        await post(server, "/api/v1/rules/apply", { rules: [RULE] });
      }
      const death = DEATHS[round % DEATHS.length] ?? "before";
      if (death !== "any time") {
        // What is left of the last round first: it is this round's run over which it is to die.
        await settled(server, round);
        const armed = once(server.lines, "line");
        server.process.stdin.write(`${death}\n`);
        await armed;
      }
      const giving = judged(server, round);
      if (death === "any time") {
        await giving;
        await pause(Math.random() * 1_500);
        server.process.kill("SIGKILL");
      } else {
        // It dies over what the rule makes of the feedback, so that is on disk even if the answer did not get through.
        await giving.catch((error: unknown) => expect(error).toBeInstanceOf(TypeError));
      }
      await server.gone;
      expect(server.process.signalCode).toBe("SIGKILL");
    }
    const last = await start();
    await settled(last, ROUNDS);
    last.process.kill("SIGKILL");
    await last.gone;

    const made = await queryRows({
      dataDir,
      sql: `SELECT data->'provenance'->'run'->>'trace_id' AS trace, count(*)::INTEGER AS examples, any_value(outputs) AS outputs
FROM examples_history GROUP BY trace ORDER BY any_value(seq)`,
    });
    expect(made).toEqual(
      Array.from({ length: ROUNDS }, (_, round) => ({
        trace: traceOf(round),
        examples: 1,
        outputs: JSON.stringify({ round }),
      })),
    );
    const [notes] = await queryRows({
      dataDir,
      sql: `SELECT (SELECT count(*)::INTEGER FROM datasets_history) AS datasets,
  (SELECT count(*)::INTEGER FROM rule_runs WHERE outcome = 'success') AS done`,
    });
    expect(notes).toEqual({ datasets: 1, done: ROUNDS });
    const effects = ["alert_events", "run_tags", "pins"].map(
      (table) =>
        `SELECT '${table}' AS what, count(*)::INTEGER AS made, count(DISTINCT trace_id)::INTEGER AS runs FROM ${table}_history`,
    );
    const judgements = ["length", "peer"].flatMap((key) => [
      `SELECT 'judged ${key}', count(*)::INTEGER, count(DISTINCT trace_id)::INTEGER FROM evaluator_runs_history WHERE evaluator_name = '${key}'`,
      `SELECT 'said ${key}', count(*)::INTEGER, count(DISTINCT trace_id)::INTEGER FROM feedback_history WHERE key = '${key}'`,
    ]);
    const all = await queryRows({ dataDir, sql: [...effects, ...judgements].join(" UNION ALL ") });
    expect(all.map(({ made: count, runs }) => [count, runs])).toEqual(all.map(() => [ROUNDS, ROUNDS]));
    expect(all).toHaveLength(7);
  },
  LONG_TESTS ? 1_800_000 : 240_000,
);
