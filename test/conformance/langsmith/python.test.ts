import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Router } from "../../../api/http/router.js";
import { canonicalPath } from "../../../api/langsmith/langsmith-api.js";
import { LANGSMITH_ROUTES } from "../../../api/langsmith/routes.js";
import { runApi, type RunningApi } from "../../api/running-api.js";

/** A Python with the package `langsmith`: `python3`, or what PYTHON_WITH_LANGSMITH names. */
const PYTHON = process.env["PYTHON_WITH_LANGSMITH"] ?? "python3";
const present = spawnSync(PYTHON, ["-c", "import langsmith"], { stdio: "ignore" }).status === 0;
if (!present)
  console.log(
    `Skipped: ${PYTHON} has no package langsmith (pip install langsmith, or set PYTHON_WITH_LANGSMITH).`,
  );

describe.skipIf(!present)("the real Python SDK", () => {
  let api: RunningApi;

  beforeAll(async () => {
    api = await runApi();
  });

  afterAll(async () => {
    await api.stop();
  });

  /** The JSON that a script prints last. */
  async function run(script: string): Promise<unknown> {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const { stdout } = await promisify(execFile)(PYTHON, [path, api.url]);
    return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  }

  test("traces, reads, gives feedback with a correction, makes a dataset and evaluates", async () => {
    expect(await run("python-sdk.py")).toMatchObject({
      names: ["agent", "shout"],
      outputs: { answer: "HELLO" },
      child_parent: true,
      feedback: [["rating", 1, { answer: "hi" }]],
      examples: [{ text: "a" }],
      experiment_dataset: true,
      experiment_runs: [true],
    });
  });

  test("compares experiments, reads their results, uses feedback configs and tokens, pushes and pulls prompts", async () => {
    expect(await run("python-data.py")).toEqual({
      compared: 2,
      results: [
        [1, [2]],
        [2, [4]],
      ],
      config: { type: "continuous", min: 1, max: 5 },
      refused: true,
      by_token: [[4, "by token", "app"]],
      tokens: [1, 2],
      prompt: ["from Python", 2, 1, ["t"]],
      pulled: { template: "Ho" },
      commits: 2,
      prompts: ["python"],
    });
  });

  test("every method of the client asks for a route that is done, or that answers 501 with its name", async () => {
    const router = new Router(LANGSMITH_ROUTES);
    const asked = Object.entries((await run("python-methods.py")) as Record<string, readonly string[]>);
    const unknown = asked.flatMap(([name, requests]) =>
      requests.flatMap((request) => {
        const [method = "", path = ""] = request.split(" ");
        return router.find(method, canonicalPath(path)) === undefined ? [`${name}: ${request}`] : [];
      }),
    );
    expect(unknown).toEqual([]);
    expect(asked.filter(([, requests]) => requests.length > 0).length).toBeGreaterThan(90);
  });
});
