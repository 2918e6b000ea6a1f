import { Client } from "langsmith";
import { traceable } from "langsmith/traceable";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runApi, type RunningApi } from "../../api/running-api.js";

/** The real LangSmith SDK against a whole server. */
let api: RunningApi;

beforeAll(async () => {
  api = await runApi();
});

afterAll(async () => {
  await api.stop();
});

function clientOf(path = ""): Client {
  return new Client({ apiUrl: `${api.url}${path}`, apiKey: "any", callerOptions: { maxRetries: 0 } });
}

test.each(["", "/api/v1"])(
  "traceable's nested runs come back whole, with the endpoint at '%s'",
  async (path) => {
    const client = clientOf(path);
    const project = `nested${path.replaceAll("/", "-")}`;
    const child = traceable(async (question: string) => ({ answer: question.toUpperCase() }), {
      name: "shout",
      run_type: "tool",
      client,
      project_name: project,
      tracingEnabled: true,
      tags: ["loud"],
    });
    const parent = traceable(async (question: string) => await child(question), {
      name: "agent",
      client,
      project_name: project,
      tracingEnabled: true,
      metadata: { thread_id: "t-1", size: 3 },
    });
    expect(await parent("hello")).toEqual({ answer: "HELLO" });
    await client.awaitPendingTraceBatches();

    const runs = [];
    for await (const run of client.listRuns({ projectName: project, order: "asc" })) runs.push(run);
    expect(runs.map(({ name, run_type, status }) => ({ name, run_type, status }))).toEqual([
      { name: "agent", run_type: "chain", status: "success" },
      { name: "shout", run_type: "tool", status: "success" },
    ]);
    const [root, leaf] = runs;
    expect(root).toMatchObject({
      inputs: { input: "hello" },
      outputs: { answer: "HELLO" },
      parent_run_id: null,
    });
    expect(leaf).toMatchObject({
      parent_run_id: root?.id,
      trace_id: root?.id,
      tags: ["loud"],
      session_id: root?.session_id,
    });
    expect(leaf?.dotted_order?.startsWith(`${root?.dotted_order}.`)).toBe(true);
    expect(root?.extra?.metadata).toMatchObject({ thread_id: "t-1", size: 3 });
    const loaded = await client.readRun(root?.id ?? "", { loadChildRuns: true });
    expect(loaded.child_runs?.map(({ name }) => name)).toEqual(["shout"]);
  },
);
