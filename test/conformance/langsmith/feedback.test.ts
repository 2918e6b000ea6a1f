import { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryRows } from "../../../store/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { collect } from "./sdk.js";

const KEY = "the-right-key";
const CONFIG = `
receivers: { otlp: { protocols: { http: { auth: { api_keys: [${KEY}] } } } } }
exporters: { mirror: }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror] } } }
`;
let api: RunningApi;
let client: Client;

beforeAll(async () => {
  api = await runApi(CONFIG);
  client = new Client({ apiUrl: `${api.url}/api/v1`, apiKey: KEY, callerOptions: { maxRetries: 0 } });
});

afterAll(async () => {
  await api.stop();
});

const STARS = { type: "continuous", min: 1, max: 5 } as const;

test("a feedback config is created once, changed, listed, deleted and listed as deleted", async () => {
  const made = await client.createFeedbackConfig({ feedbackKey: "stars", feedbackConfig: STARS });
  expect(made).toMatchObject({ feedback_key: "stars", feedback_config: STARS, is_deleted: false });
  expect((await client.createFeedbackConfig({ feedbackKey: "stars", feedbackConfig: STARS })).id).toBe(
    made.id,
  );
  await expect(
    client.createFeedbackConfig({ feedbackKey: "stars", feedbackConfig: { type: "freeform" } }),
  ).rejects.toThrow("already exists");
  const changed = await client.updateFeedbackConfig("stars", { isLowerScoreBetter: true });
  expect(changed).toMatchObject({ feedback_config: STARS, is_lower_score_better: true });
  const keys = async (options = {}) =>
    (await collect(client.listFeedbackConfigs(options))).map(({ feedback_key: key }) => key);
  expect(await keys({ nameContains: "TAR" })).toEqual(["stars"]);
  expect(await keys({ feedbackKeys: ["other"] })).toEqual([]);
  await client.deleteFeedbackConfig("stars");
  expect(await keys()).toEqual([]);
  expect(await keys({ includeAllConfigs: true })).toEqual(["stars"]);
  await expect(client.deleteFeedbackConfig("stars")).rejects.toThrow("not found");
});

test("categories are added and removed, and must stay at least two and distinct", async () => {
  const categories = [
    { value: 0, label: "bad" },
    { value: 1, label: "good" },
  ];
  await client.createFeedbackConfig({
    feedbackKey: "grade",
    feedbackConfig: { type: "categorical", categories },
  });
  const more = await client.addFeedbackCategories("grade", [{ value: 2, label: "best" }]);
  expect(more.feedback_config.categories).toHaveLength(3);
  await expect(client.addFeedbackCategories("grade", [{ value: 2, label: "again" }])).rejects.toThrow(
    "same value",
  );
  expect((await client.removeFeedbackCategories("grade", [0])).feedback_config.categories).toHaveLength(2);
  await expect(client.removeFeedbackCategories("grade", [1])).rejects.toThrow("fewer than two");
  await expect(client.removeFeedbackCategories("grade", [7])).rejects.toThrow("no category with the value 7");
});

test("feedback of a key with a config is checked by every way in, and what it brings along becomes the config", async () => {
  const runId = crypto.randomUUID();
  await client.createFeedback(runId, "bounded", {
    score: 0.5,
    feedbackConfig: { type: "continuous", min: 0, max: 1 },
  });
  await expect(client.createFeedback(runId, "bounded", { score: 2 })).rejects.toThrow("at most 1, got 2");
  await client.createFeedback(runId, "bounded", { comment: "no score" });
  const native = await fetch(`${api.url}/api/v1/feedback`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": KEY },
    body: JSON.stringify({ key: "bounded", score: -1, run_id: runId }),
  });
  expect([native.status, await native.text()]).toEqual([422, expect.stringContaining("at least 0, got -1")]);
  const stored = await collect(client.listFeedback({ runIds: [runId], feedbackKeys: ["bounded"] }));
  const [scored] = stored.filter(({ score }) => score !== null);
  await expect(client.updateFeedback(scored?.id ?? "", { score: 9 })).rejects.toThrow("at most 1");
  expect(stored).toHaveLength(2);
});

test("a multipart request keeps its runs and other feedback when a config refuses one feedback, and says so", async () => {
  const runId = crypto.randomUUID();
  const part = (name: string, data: object): string =>
    `--B\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(data)}\r\n`;
  const feedback = (score: number): string => {
    const id = crypto.randomUUID();
    return part(`feedback.${id}`, { id, key: "bounded", score, run_id: runId, trace_id: runId });
  };
  const run = part(`post.${runId}`, {
    id: runId,
    trace_id: runId,
    dotted_order: `20261123T100000000000Z${runId}`,
    name: "kept",
    run_type: "chain",
    start_time: "2026-11-23T10:00:00Z",
  });
  const answer = await fetch(`${api.url}/runs/multipart`, {
    method: "POST",
    headers: { "content-type": "multipart/form-data; boundary=B", "x-api-key": KEY },
    body: `${run}${feedback(0.25)}${feedback(7)}--B--\r\n`,
  });
  expect([answer.status, await answer.text()]).toEqual([
    422,
    expect.stringContaining("Everything else was stored"),
  ]);
  expect((await client.readRun(runId)).name).toBe("kept");
  const scores = (await collect(client.listFeedback({ runIds: [runId] }))).map(({ score }) => score);
  expect(scores).toEqual([0.25]);
});

test("a presigned token takes feedback without a key, by link or POST, from any site, until it expires", async () => {
  const runId = crypto.randomUUID();
  const token = await client.createPresignedFeedbackToken(runId, "thumbs", { expiration: { minutes: 5 } });
  expect(token.url.startsWith(`${api.url}/api/v1/feedback/tokens/`)).toBe(true);
  expect(Date.parse(token.expires_at) - Date.now()).toBeGreaterThan(200_000);
  const byLink = await fetch(
    `${token.url}?score=1&comment=nice&correction=${encodeURIComponent('{"a":1}')}`,
    {
      headers: { origin: "https://app.example" },
    },
  );
  expect([byLink.status, byLink.headers.get("access-control-allow-origin")]).toEqual([200, "*"]);
  const posted = await fetch(token.url, {
    method: "POST",
    body: JSON.stringify({ score: false, metadata: { who: 7 } }),
  });
  expect(posted.status).toBe(200);
  expect((await fetch(token.url)).status).toBe(422);
  const preflight = await fetch(token.url, {
    method: "OPTIONS",
    headers: { origin: "https://app.example", "access-control-request-method": "POST" },
  });
  expect([preflight.status, preflight.headers.get("access-control-allow-methods")]).toEqual([
    204,
    "GET, POST",
  ]);

  const stored = await collect(client.listFeedback({ runIds: [runId] }));
  expect(
    stored.map(({ key, score, comment, correction, feedback_source: source }) => [
      key,
      score,
      comment,
      correction,
      source?.type,
    ]),
  ).toEqual(
    expect.arrayContaining([
      ["thumbs", 1, "nice", { a: 1 }, "app"],
      ["thumbs", false, null, null, "app"],
    ]),
  );
  expect(await collect(client.listPresignedFeedbackTokens(runId))).toEqual([token]);
  const gone = await fetch(`${api.url}/feedback/tokens/${crypto.randomUUID()}?score=1`);
  expect([gone.status, await gone.text()]).toEqual([404, expect.stringContaining("not found")]);
  const past = client.createPresignedFeedbackToken(runId, "thumbs", { expiration: "2020-01-01T00:00:00Z" });
  await expect(past).rejects.toThrow("expires_at must be");
  // Everything else still asks for the key.
  expect((await fetch(`${api.url}/feedback/tokens?run_id=${runId}`)).status).toBe(401);
});

test("a token for one use is spent by exactly one of many uses at once, and not by one that was refused", async () => {
  const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
  const made = await fetch(`${api.url}/api/v1/feedback/tokens`, {
    method: "POST",
    headers: { "x-api-key": KEY },
    body: JSON.stringify({
      trace_id: traceId,
      feedback_key: "once",
      once: true,
      feedback_config: { type: "continuous", min: 0, max: 1 },
    }),
  });
  const { url } = (await made.json()) as { url: string };
  const use = (score: number) => fetch(`${url}?score=${score}`).then(({ status }) => status);
  expect(await use(3)).toBe(422);
  const statuses = await Promise.all([1, 0, 1, 0].map(use));
  expect(statuses.toSorted((a, b) => a - b)).toEqual([200, 404, 404, 404]);
  const rows = await queryRows({
    dataDir: api.dataDir,
    sql: "SELECT trace_id, target, source_type FROM feedback WHERE key = 'once'",
  });
  expect(rows).toEqual([{ trace_id: traceId, target: "trace", source_type: "app" }]);
});

test("feedback of a project is what names it, a run of it or a trace of it; and is told apart by its level", async () => {
  const [run, trace, elsewhere] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
  for (const [id, project] of [
    [run, "judged"],
    [trace, "judged"],
    [elsewhere, "not judged"],
  ] as const) {
    const times = { start_time: Date.now(), end_time: Date.now() };
    await client.createRun({ id, name: "r", run_type: "chain", inputs: {}, project_name: project, ...times });
  }
  await client.awaitPendingTraceBatches();
  const { id: session } = await client.readProject({ projectName: "judged" });
  const headers = { "content-type": "application/json", "x-api-key": KEY };
  const given = await fetch(`${api.url}/feedback`, {
    method: "POST",
    headers,
    body: JSON.stringify([
      { key: "by run", run_id: run, score: 1 },
      { key: "by trace", trace_id: trace, score: 1 },
      { key: "by project", session_id: session, score: 1 },
      { key: "of another run", run_id: elsewhere, score: 1 },
    ]),
  });
  expect(given.status).toBe(200);
  const keys = async (query: string): Promise<unknown> => {
    const answer = await fetch(`${api.url}/feedback?session=${session}${query}`, { headers });
    const list = (await answer.json()) as { key: string }[];
    return answer.status === 200 ? list.map(({ key }) => key).sort() : answer.status;
  };
  expect(await keys("")).toEqual(["by project", "by run", "by trace"]);
  expect(await keys("&level=session")).toEqual(["by project"]);
  expect(await keys("&level=run")).toEqual(["by run", "by trace"]);
  expect(await keys("&level=x")).toBe(400);
});
