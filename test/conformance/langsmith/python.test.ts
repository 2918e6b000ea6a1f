import { execFile, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runApi, type RunningApi } from "../../api/running-api.js";

/** A Python with the package `langsmith`: `python3`, or what PYTHON_WITH_LANGSMITH names. */
const PYTHON = process.env["PYTHON_WITH_LANGSMITH"] ?? "python3";
const SCRIPT = fileURLToPath(new URL("python-sdk.py", import.meta.url));
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

  test("traces, reads, gives feedback with a correction, makes a dataset and evaluates", async () => {
    const { stdout } = await promisify(execFile)(PYTHON, [SCRIPT, api.url]);
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toMatchObject({
      names: ["agent", "shout"],
      outputs: { answer: "HELLO" },
      child_parent: true,
      feedback: [["rating", 1, { answer: "hi" }]],
      examples: [{ text: "a" }],
      experiment_dataset: true,
      experiment_runs: [true],
    });
  });
});
