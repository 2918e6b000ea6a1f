import { randomUUID } from "node:crypto";
import type { Client } from "langsmith";
import { RunTree } from "langsmith/run_trees";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

/** Threads, traces, public links and projects, with the real LangSmith SDK against a whole server. */
let api: RunningApi;
let client: Client;
/** Many reads, each of which waits for the mirror: on a busy machine they take their time. */
const BUSY_MS = 300_000;

beforeAll(async () => {
  api = await runApi();
  client = clientOf(api);
});

afterAll(async () => {
  await api.stop();
});

interface Turn {
  readonly project: string;
  readonly thread?: string;
  readonly question: string;
  readonly error?: string;
}

/** A trace of two runs, one second long; its model call uses 7 tokens. */
async function turn({ project, thread, question, error }: Turn, minute = 0): Promise<RunTree> {
  const start = Date.now() - 3_600_000 + minute * 60_000;
  const metadata = thread === undefined ? {} : { thread_id: thread };
  const root = new RunTree({
    name: "turn",
    project_name: project,
    client,
    inputs: { question },
    start_time: start,
    extra: { metadata },
  });
  const child = root.createChild({
    name: "model",
    run_type: "llm",
    inputs: { question },
    start_time: start + 1,
    extra: { metadata },
  });
  await root.postRun();
  await child.postRun();
  await child.end(
    { usage_metadata: { input_tokens: 4, output_tokens: 3, total_tokens: 7 } },
    undefined,
    start + 500,
  );
  await child.patchRun();
  await root.end({ answer: question.toUpperCase() }, error, start + 1_000);
  await root.patchRun();
  return root;
}

test(
  "threads are listed, their traces and figures read, in both versions of the API",
  async () => {
    const project = "talks";
    await turn({ project, thread: "t-1", question: "one" }, 0);
    await turn({ project, thread: "t-1", question: "two", error: "failed" }, 1);
    await turn({ project, thread: "t-2", question: "other" }, 2);
    await turn({ project, question: "alone" }, 3);
    await turn({ project: "elsewhere", thread: "t-1", question: "not mine" }, 4);
    await client.awaitPendingTraceBatches();
    const { id: projectId } = await client.readProject({ projectName: project });

    const threads = await collect(client.threads.query({ project_id: projectId, page_size: 1 }));
    expect(threads.map(({ thread_id, count }) => [thread_id, count])).toEqual([
      ["t-2", 1],
      ["t-1", 2],
    ]);
    expect(threads[1]).toMatchObject({
      total_tokens: 14,
      num_errored_turns: 1,
      last_error: "failed",
      first_inputs: '{"question":"one"}',
      last_outputs: '{"answer":"TWO"}',
      latency_p50: expect.closeTo(1, 3),
    });
    const failed = { project_id: projectId, trace_filter: 'eq(status, "error")' };
    expect((await collect(client.threads.query(failed))).map((thread) => thread.thread_id)).toEqual(["t-1"]);
    const models = { project_id: projectId, tree_filter: 'eq(name, "no such run")' };
    expect(await collect(client.threads.query(models))).toEqual([]);

    const selects = ["NAME", "INPUTS", "TOTAL_TOKENS", "TURN_NUMBER", "LATENCY", "ERROR"] as const;
    const traces = await collect(
      client.threads.listTraces("t-1", { project_id: projectId, page_size: 1, selects: [...selects] }),
    );
    expect(traces.map(({ trace_id: _id, ...rest }) => rest)).toEqual([
      {
        name: "turn",
        inputs: { question: "one" },
        total_tokens: 7,
        turn_number: 1,
        latency: expect.closeTo(1, 2),
      },
      {
        name: "turn",
        inputs: { question: "two" },
        total_tokens: 7,
        turn_number: 2,
        latency: 1,
        error: "failed",
      },
    ]);
    expect(
      await client.threads.stats("t-1", {
        session_id: projectId,
        selects: ["TURNS", "PROMPT_TOKENS", "COMPLETION_TOKENS", "LATENCY_P99"],
      }),
    ).toEqual({
      turns: 2,
      prompt_tokens: 8,
      completion_tokens: 6,
      latency_p99_seconds: expect.closeTo(1, 3),
    });
    expect(
      await client.threads.aggregateStats({
        project_id: projectId,
        select: ["THREAD_COUNT", "TRACE_COUNT", "ERROR_RATE"],
      }),
    ).toEqual({ thread_count: 2, trace_count: 3, error_rate: 1 / 3 });

    const { share_token: token = "" } = await client.threads.share.create("t-1", { project_id: projectId });
    expect((await client.threads.share.retrieve("t-1", { project_id: projectId })).share_token).toBe(token);
    const shared = await client.public.runs.query(token, { selects: ["NAME", "PROJECT_ID"] });
    expect(shared.items?.map(({ name }) => name)).toEqual(["turn", "model", "turn", "model"]);
    expect(shared.items?.some((run) => run.project_id !== undefined)).toBe(false);
    await client.threads.share.delete("t-1", { project_id: projectId });
    expect(await client.threads.share.retrieve("t-1", { project_id: projectId })).toEqual({});

    const groups = await collect(client.listGroupRuns({ projectId, groupBy: "conversation", limit: 1 }));
    expect(groups.map(({ thread_id, count }) => [thread_id, count])).toEqual([
      ["t-2", 1],
      ["t-1", 2],
    ]);
    expect((await client.listThreads({ projectId })).map(({ thread_id }) => thread_id)).toHaveLength(2);
    const turns = await collect(client.readThread({ threadId: "t-1", projectId }));
    expect(turns.map(({ inputs }) => inputs["question"])).toEqual(["one", "two"]);
  },
  BUSY_MS,
);

test("traces are queried with their totals, and a trace's runs are listed from the root down", async () => {
  const root = await turn({ project: "whole traces", question: "q" });
  await client.awaitPendingTraceBatches();
  const { id: project_id } = await client.readProject({ projectName: "whole traces" });
  const [trace] = await collect(client.traces.query({ project_id, selects: ["NAME", "OUTPUTS"] }));
  expect(trace).toMatchObject({
    root_run: { id: root.id, name: "turn", outputs: { answer: "Q" } },
    trace_aggregates: { total_tokens: 7 },
  });
  const { items } = await client.traces.listRuns(root.id, { project_id, selects: ["NAME", "RUN_TYPE"] });
  expect(items).toMatchObject([
    { name: "turn", run_type: "CHAIN" },
    { name: "model", run_type: "LLM" },
  ]);
  const narrow = { project_id, filter: 'eq(run_type, "llm")' };
  expect((await client.traces.listRuns(root.id, narrow)).items).toHaveLength(1);
});

test("a public link shows a run's whole trace until it is taken back", async () => {
  const root = await turn({ project: "shown", question: "who?" });
  await client.awaitPendingTraceBatches();
  expect(await client.readRunSharedLink(root.id)).toBeUndefined();
  const wanted = randomUUID();
  const link = await client.shareRun(root.id, { shareId: wanted });
  expect(link).toContain(`/public/${wanted}/r`);
  expect(await client.shareRun(root.id)).toBe(link);
  expect(await client.readRunSharedLink(root.id)).toBe(link);
  expect(await client.readRun(root.id)).toMatchObject({ share_token: wanted });

  const shared = await client.listSharedRuns(wanted);
  expect(shared.map(({ name }) => name)).toEqual(["turn", "model"]);
  expect(await client.listSharedRuns(wanted, { runIds: [root.id] })).toHaveLength(1);
  const run = await fetch(`${api.url}/public/${wanted}/run`);
  expect(await run.json()).toMatchObject({ id: root.id, inputs: { question: "who?" } });
  const { items } = await client.public.runs.query(wanted, { selects: ["NAME"] });
  expect(items?.map(({ name }) => name)).toEqual(["turn", "model"]);

  const [child] = shared.slice(1);
  await client.shareRun(child?.id ?? "");
  for (const path of ["run", "runs", `run/${root.id}`, `run/${child?.id}`]) {
    const text = await (await fetch(`${api.url}/public/${wanted}/${path}`)).text();
    const tokens = [...text.matchAll(/"share_token":"([^"]+)"/g)].map(([, token]) => token);
    expect(tokens.every((token) => token === wanted)).toBe(true);
    expect(text).not.toMatch(/session_name|session_id|app_path/);
  }

  await client.unshareRun(root.id);
  expect(await client.readRunSharedLink(root.id)).toBeUndefined();
  const gone = await fetch(`${api.url}/public/${wanted}/run`);
  expect([gone.status, await gone.text()]).toEqual([404, expect.stringContaining("not found")]);
  await expect(client.shareRun(randomUUID())).rejects.toThrow(/not found/);
});

test("a renamed project keeps its id and its runs; a deleted one is gone with them, and its name is free", async () => {
  const root = await turn({ project: "before", question: "old" });
  await client.awaitPendingTraceBatches();
  const { id } = await client.readProject({ projectName: "before" });
  await client.updateProject(id, { name: "after", description: "renamed" });
  await turn({ project: "after", question: "new" }, 1);
  await client.awaitPendingTraceBatches();
  const renamed = await client.readProject({ projectName: "after", includeStats: true });
  expect(renamed).toMatchObject({ id, name: "after", description: "renamed", run_count: 2 });
  const runs = await collect(client.listRuns({ projectName: "after", isRoot: true, order: "asc" }));
  expect(runs.map(({ inputs, session_id }) => [inputs["question"], session_id])).toEqual([
    ["old", id],
    ["new", id],
  ]);
  expect(await client.hasProject({ projectName: "before" })).toBe(false);
  await expect(client.createProject({ projectName: "before" })).rejects.toThrow(/already exists|conflict/i);

  await client.deleteProject({ projectId: id });
  expect(await client.hasProject({ projectName: "after" })).toBe(false);
  await expect(client.readRun(root.id)).rejects.toThrow(/not found/);
  await turn({ project: "after", question: "again" }, 2);
  await client.awaitPendingTraceBatches();
  api = await api.restart();
  client = clientOf(api);
  await expect(client.readRun(root.id)).rejects.toThrow(/not found/);
  const again = await collect(client.listRuns({ projectName: "after", isRoot: true }));
  expect(again.map(({ inputs }) => inputs["question"])).toEqual(["again"]);
  const names = (await collect(client.sessions.listV2({ page_size: 1 }))).map(
    ({ name, type }) => `${type} ${name}`,
  );
  expect(names).toContain("PROJECT after");
  expect(names).not.toContain("PROJECT before");
});
