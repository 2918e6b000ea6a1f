import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "vitest";
import { queryRows } from "../../store/index.js";
import { LONG_TESTS } from "../support/long-tests.js";

const CHILD = fileURLToPath(new URL("./rules.child.mjs", import.meta.url));
/** Where the server is killed: by itself over what the rule makes, or by us at some moment after the feedback. */
const DEATHS = ["before", "after", "any time"] as const;
const ROUNDS = LONG_TESTS ? 100 : 2;
const RULE = {
  name: "golden",
  filter: 'eq(feedback_key, "right")',
  debounce_seconds: 0,
  actions: [{ type: "add_to_dataset", dataset: "golden" }],
};

const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-crash-rules-"));
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

const traceOf = (round: number): string => (round + 1).toString(16).padStart(32, "a");

/** Sends a run and the feedback that makes the rule take it; both are acknowledged. */
async function judge(server: Server, round: number): Promise<void> {
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
  "I6: killed with SIGKILL between feedback, rule and dataset again and again, a server has exactly one example of each run",
  async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const server = await start();
      if (round === 0) await post(server, "/api/v1/rules/apply", { rules: [RULE] });
      const death = DEATHS[round % DEATHS.length] ?? "before";
      if (death !== "any time") {
        // What is left of the last round first: it is this round's run over which it is to die.
        await post(server, "/api/v1/rules/wait", { deadline_ms: 60_000 });
        const armed = once(server.lines, "line");
        server.process.stdin.write(`${death}\n`);
        await armed;
      }
      const judged = judge(server, round);
      if (death === "any time") {
        await judged;
        await pause(Math.random() * 1_500);
        server.process.kill("SIGKILL");
      } else {
        // It dies over what the rule makes of the feedback, so that is on disk even if the answer did not get through.
        await judged.catch((error: unknown) => expect(error).toBeInstanceOf(TypeError));
      }
      await server.gone;
      expect(server.process.signalCode).toBe("SIGKILL");
    }
    const last = await start();
    await post(last, "/api/v1/rules/wait", { deadline_ms: 60_000 });
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
  },
  LONG_TESTS ? 1_800_000 : 240_000,
);
