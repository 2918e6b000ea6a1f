import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMirrorReads } from "../../api/mirror-reads.js";
import { createLogger, defaultConfig, startCollector } from "../../collector/index.js";
import { DatasetService, EgressLedger, FeedbackConfigCache, RulesEngine } from "../../loop/index.js";
import { removeWhole } from "../../loop/records/remove-whole.js";
import {
  type ApiHost,
  CounterfoilError,
  encodeRecords,
  type JsonObject,
  RECORD_CHANGES_MAX,
  RULE_LIMIT_PAUSE_MS,
  SHIPPED_PRICES,
} from "../../schema/index.js";
import { createRecordWriter, queryRows, type RecordDraft } from "../../store/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";

let api: RunningApi;
beforeAll(async () => {
  api = await runApi(`
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" } } } }
exporters: { mirror: }
journal: { max_size: 256KiB }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror] } } }
`);
});
afterAll(() => api.stop());

async function post(path: string, body: unknown): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(api.url + path, { method: "POST", headers, body: JSON.stringify(body) });
  expect([path, answer.status, await answer.text()]).toEqual([path, 200, expect.anything()]);
}

test("what a rule makes of a trace at once and the journal can't take goes there in parts, and the rule goes on", async () => {
  const actions = [{ type: "add_to_dataset", dataset: "golden", outputs: "output" }];
  await post("/api/v1/rules/apply", { rules: [{ name: "all", debounce_seconds: 0, actions }] });
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  // Examples and notes of all 50 together are above a quarter of the journal's cap, the spans are not.
  const spans = Array.from({ length: 50 }, (_, at) => ({
    traceId,
    spanId: (at + 1).toString(16).padStart(16, "0"),
    ...(at === 0 ? {} : { parentSpanId: "1".padStart(16, "0") }),
    name: "step",
    startTimeUnixNano: "1795413600000000000",
    endTimeUnixNano: "1795413601000000000",
    attributes: [
      text("gen_ai.prompt", JSON.stringify({ q: "x".repeat(500) })),
      text("gen_ai.completion", JSON.stringify({ a: at })),
    ],
  }));
  await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] });
  await post("/api/v1/rules/wait", { deadline_ms: 60_000 });
  const rows = await queryRows({
    dataDir: api.dataDir,
    sql: `SELECT (SELECT count(*)::INTEGER FROM examples) AS examples,
  (SELECT list(DISTINCT outcome)::VARCHAR FROM rule_runs) AS outcomes, (SELECT count(DISTINCT seq)::INTEGER FROM examples) AS parts`,
  });
  expect(rows).toEqual([{ examples: 50, outcomes: "[success]", parts: 2 }]);
});

test("a dataset with more examples than one change may have is deleted in several, itself in the last", async () => {
  for (const count of [0, RECORD_CHANGES_MAX - 2, RECORD_CHANGES_MAX - 1, 2 * RECORD_CHANGES_MAX]) {
    const examples = new Set(Array.from({ length: count }, (_, at) => `example ${at}`));
    const written: (readonly RecordDraft[])[] = [];
    // The writer refuses what is too much.
    const checked = createRecordWriter(
      { append: async () => written.length, sealed: async () => undefined },
      { source: "test" },
    );
    const writer = {
      ...checked,
      append: async (drafts: readonly RecordDraft[]) => {
        const result = await checked.append(drafts);
        written.push(drafts);
        for (const { id } of drafts) examples.delete(id ?? "");
        return result;
      },
    };
    const rows = async (sql: string) => {
      const most = Number(/LIMIT (\d+)$/.exec(sql)?.[1]);
      return [...examples].slice(0, most).map((id) => ({ id }));
    };
    await removeWhole(
      { rows, writer },
      {
        whole: { type: "dataset", id: "golden" },
        partType: "example",
        partIdsSql: "SELECT id FROM examples WHERE dataset_id = $1",
        params: ["golden"],
        time: "2026-11-27T00:00:00Z",
      },
    );
    const changes = written.flat();
    expect([examples.size, changes.length]).toEqual([0, count + 1]);
    expect(changes.at(-1)).toMatchObject({ type: "dataset", id: "golden", op: "delete" });
    expect(new Set(changes.map(({ time }) => time))).toEqual(new Set(["2026-11-27T00:00:00Z"]));
  }
});

/** The rules of a mirror that nobody else follows; `fails` says whether a condition takes too much, `seconds` what time it is. */
async function followed(world: { fails: boolean; asked: number; seconds: number }) {
  const dataDir = mkdtempSync(join(tmpdir(), "counterfoil-endless-"));
  const hosts: ApiHost[] = [];
  const collector = await startCollector(defaultConfig({}), {
    dataDir,
    httpPort: 0,
    grpcPort: 0,
    logger: createLogger("silent"),
    createApi: (host) => {
      hosts.push(host);
      return { find: () => undefined, close: () => Promise.resolve() };
    },
  });
  const [host] = hosts;
  if (host === undefined) throw new Error("the collector has made no API");
  const reads = createMirrorReads(host);
  const rows: typeof reads.rows = (sql, params) => reads.rows(sql, params);
  const peek: typeof rows = (sql, params) => reads.peek(sql, params);
  const writer = createRecordWriter(host, { source: "api" });
  const onError = (error: unknown): void => host.onError(error);
  const rules = new RulesEngine({
    rows,
    peek,
    mirror: host.mirror,
    datasets: new DatasetService({ writer, rows }),
    configs: new FeedbackConfigCache(rows),
    prices: () => SHIPPED_PRICES,
    egress: new EgressLedger({
      writer,
      destinations: () => host.destinations(),
      positionFile: join(dataDir, "egress.json"),
      onError,
    }),
    cursorFile: join(dataDir, "cursors.json"),
    onError,
    elapsed: () => world.seconds * 1_000,
    sandbox: async (sql) => {
      world.asked += 1;
      if (world.fails) throw new CounterfoilError("CF_QUERY_LIMIT", "The query took too long.");
      return peek(sql.slice(sql.indexOf("SELECT")), []);
    },
  });
  rules.start();
  const url = `http://127.0.0.1:${collector.ports.http}`;
  return {
    url,
    rows,
    /** Why the rules are not through with everything that is stored. */
    holdup: () => rules.caughtUp(host.durableSeq(), 0).then(() => "nothing", String),
    /** A change that no writer here would write, as of a program of another version. */
    bring: async (id: string, data: JsonObject) => {
      const change = {
        type: "rule",
        id,
        op: "put",
        time: "2026-11-28T00:00:00Z",
        data,
        source: "other",
      } as const;
      const payload = encodeRecords([change]);
      await host.sealed(
        await host.append({ signal: "records", payload, itemCount: 1, receiver: "other" }),
        60_000,
      );
    },
    write: async (drafts: readonly RecordDraft[]) => {
      const { seq } = await writer.append(drafts);
      await writer.sealed(seq, 60_000);
    },
    stop: async () => {
      await rules.close();
      await reads.close();
      await collector.shutdown(5_000);
      rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

test("a rule whose condition never ends pauses, twice as long each time; the others go on, and a new version is tried at once", async () => {
  const world = { fails: true, asked: 0, seconds: 0 };
  const { bring, holdup, rows, stop, url, write } = await followed(world);
  let sent = 0;
  /** Sends a run; resolves when the other rule, which comes after, has taken it. */
  const next = async (): Promise<void> => {
    sent += 1;
    const id = String(sent);
    const times = { startTimeUnixNano: "1795413600000000000", endTimeUnixNano: "1795413601000000000" };
    const span = { traceId: id.padStart(32, "a"), spanId: id.padStart(16, "b"), name: "agent", ...times };
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] });
    const headers = { "content-type": "application/json" };
    expect(await fetch(`${url}/v1/traces`, { method: "POST", headers, body })).toMatchObject({ status: 200 });
    await expect.poll(async () => (await outcomes("other"))[0]?.["n"]).toBe(sent);
  };
  const ids = { endless: randomUUID(), other: randomUUID() };
  const outcomes = (rule: keyof typeof ids) =>
    rows(
      `SELECT outcome, count(*)::INTEGER AS n FROM rule_runs WHERE rule_id = $1 GROUP BY outcome ORDER BY outcome`,
      [ids[rule]],
    );
  const put = (name: keyof typeof ids, data: object): RecordDraft => {
    const actions = [{ type: "add_feedback", key: name, score: 1 }];
    return { type: "rule", id: ids[name], op: "put", data: { name, debounce_seconds: 0, actions, ...data } };
  };
  await write([put("endless", { where: "true" }), put("other", {})]);
  await next();
  expect(world.asked).toBe(1);
  expect(await rows("SELECT reason FROM rule_runs WHERE outcome = 'error'", [])).toEqual([
    { reason: expect.stringMatching(/took too long.*The rule pauses before it looks again/) },
  ]);
  let pauseSeconds = RULE_LIMIT_PAUSE_MS / 1_000;
  for (let times = 0; times < 2; times++) {
    const { asked } = world;
    world.seconds += pauseSeconds - 1;
    await next();
    expect(world.asked).toBe(asked);
    expect(await holdup()).toMatch(
      /rule "endless" is paused for 1000 ms more .*, with traces waiting: [12]\b/,
    );
    world.seconds += 1;
    await next();
    expect(world.asked).toBe(asked + 1);
    pauseSeconds *= 2;
  }
  expect(await outcomes("endless")).toMatchObject([{ outcome: "error" }]);
  world.fails = false;
  await next();
  await write([put("endless", { where: "true", version: 2 })]);
  await next();
  expect(await outcomes("endless")).toMatchObject([{ outcome: "error" }, { outcome: "success" }]);
  // Its notes would be refused for the id: it is told of and not followed, and holds nobody up.
  await expect(write([{ ...put("other", {}), id: "no uuid" }])).rejects.toThrow(
    /id of a rule must be a UUID/,
  );
  await bring("no uuid", { name: "brought", debounce_seconds: 0, actions: [{ type: "pin" }] });
  await next();
  await expect.poll(holdup).toBe("nothing");
  await stop();
});
