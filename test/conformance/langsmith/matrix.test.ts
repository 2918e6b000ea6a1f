import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningApi } from "../../api/running-api.js";

/** Packages come from the registry, so this runs only when asked for. */
const RUN_MATRIX = process.env["COUNTERFOIL_MATRIX"] === "1";
if (!RUN_MATRIX) {
  console.log(
    "matrix of langsmith 0.9, LangGraph.js and jest skipped: set COUNTERFOIL_MATRIX=1 (needs a registry)",
  );
}
const PACKAGES = ["langsmith@0.9", "@langchain/langgraph@1", "@langchain/core@1", "jest@30"];
const INSTALL_MS = 300_000;

const run = promisify(execFile);

describe.runIf(RUN_MATRIX)("other versions and integrations of LangSmith's clients, unmodified", () => {
  let folder: string;
  let api: RunningApi;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "counterfoil-matrix-"));
    writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
    const flags = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    await run("npm", ["install", ...flags, ...PACKAGES], { cwd: folder });
    cpSync(fileURLToPath(new URL("matrix/", import.meta.url)), folder, { recursive: true });
    const { runApi } = await import("../../api/running-api.js");
    api = await runApi();
  }, INSTALL_MS);

  afterAll(async () => {
    await api.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });

  async function app(project: string, args: readonly string[]): Promise<string> {
    const { stdout } = await run(process.execPath, args, {
      cwd: folder,
      env: {
        PATH: process.env["PATH"],
        LANGSMITH_ENDPOINT: api.url,
        LANGSMITH_API_KEY: "any",
        LANGSMITH_TRACING: "true",
        LANGSMITH_PROJECT: project,
        LANGCHAIN_CALLBACKS_BACKGROUND: "false",
      },
    });
    return stdout.trim().split("\n").at(-1) ?? "";
  }

  async function read(path: string, body?: object): Promise<unknown> {
    const answer = await fetch(
      api.url + path,
      body === undefined ? {} : { method: "POST", body: JSON.stringify(body) },
    );
    return answer.json();
  }

  test("the JavaScript SDK 0.9 traces, gives feedback, evaluates, and pushes and pulls a prompt", async () => {
    expect(JSON.parse(await app("old", ["sdk.mjs"]))).toEqual({
      outputs: [{ answer: "HI" }],
      corrections: [{ answer: "HI" }],
      results: [2, 4],
      template: "Hi",
    });
  });

  test("LangGraph.js traces a graph with its nodes and thread by environment variables alone", async () => {
    expect(JSON.parse(await app("graph", ["graph.mjs"]))).toEqual({ text: "HI HI" });
    const { runs } = (await read("/runs/query", { filter: 'eq(thread_id, "thread of a graph")' })) as {
      readonly runs: readonly Record<string, unknown>[];
    };
    expect(runs.map(({ name }) => name)).toEqual(expect.arrayContaining(["LangGraph", "shout", "twice"]));
    const root = runs.find(({ name }) => name === "LangGraph");
    expect(root).toMatchObject({ status: "success", outputs: { text: "HI HI" }, tags: ["graph"] });
    expect(runs.find(({ name }) => name === "shout")).toMatchObject({ parent_run_id: root?.["id"] });
  });

  test("the integration with jest makes a dataset, an experiment and feedback", async () => {
    const jest = ["--experimental-vm-modules", "node_modules/jest/bin/jest.js"];
    await app("jest", [...jest, "--testMatch", "**/*.eval.mjs"]);
    expect(await read("/datasets?name=jest%20capitals")).toMatchObject([
      { example_count: 1, session_count: 1 },
    ]);
    const feedback = (await read("/feedback?key=pass&key=length")) as readonly Record<string, unknown>[];
    expect(Object.fromEntries(feedback.map(({ key, score }) => [key, score]))).toEqual({
      length: 5,
      pass: true,
    });
  });
});
