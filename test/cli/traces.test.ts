import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addSpans, type SpanValues, tempFolder } from "./data-dir.js";
import { runCli, startCli } from "./run-cli.js";

const folder = tempFolder();
const dataDir = join(folder, "data");
const AGENT = "5b8efff798038103d269b633813fc60c";
const OTHER = "5b8e0000000000000000000000000001";
const EVIL = "\u001b]0;owned\u0007\u001b[31m\r";

const run = (...args: string[]): ReturnType<typeof runCli> => runCli([...args, "--data-dir", dataDir]);

const root: SpanValues = {
  trace_id: AGENT,
  span_id: "eee19b7ec3c1b174",
  name: `agent ${EVIL}`,
  start_time: "2026-11-23 10:00:00",
  end_time: "2026-11-23 10:00:02.5",
  duration_ns: 2_500_000_000,
  run_type: "chain",
  service_name: "front-desk",
  project: "hotel",
};
const chat: SpanValues = {
  trace_id: AGENT,
  span_id: "eee19b7ec3c1b175",
  parent_span_id: "eee19b7ec3c1b174",
  name: "chat small-1",
  start_time: "2026-11-23 10:00:00.5",
  end_time: "2026-11-23 10:00:01.3",
  duration_ns: 800_000_000,
  status_code: "ERROR",
  status_message: "overloaded",
  run_type: "llm",
  request_model: "small-1",
  input_tokens: 1310,
  output_tokens: 45,
  cost_usd: 0.0012,
  input_messages: '[{"role":"user","parts":[{"type":"text","content":"Can I cancel?"}]}]',
};

beforeAll(async () => {
  await addSpans(dataDir, 1, [root, chat]);
  await addSpans(dataDir, 2, [
    {
      trace_id: OTHER,
      span_id: "0000000000000001",
      name: "ping",
      start_time: "2020-01-01 00:00:00",
      project: "it's",
    },
  ]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("counterfoil traces list", { timeout: 90_000 }, () => {
  it("lists traces newest first with time, spans, errors, tokens and cost", async () => {
    const { code, stdout } = await run("traces", "list");
    expect(code).toBe(0);
    const [, , first, second] = stdout.split("\n");
    expect(first).toMatch(
      new RegExp(
        `^${AGENT}  2026-11-23 10:00:00  agent ␛.*front-desk +2\\.50 s +2 +1 +1,310 → 45 +\\$0\\.00120 +success$`,
      ),
    );
    expect(second).toMatch(new RegExp(`^${OTHER}  2020-01-01 00:00:00  ping`));
  });

  it("filters by project, service, time, status and number; a quote in a value is data", async () => {
    const ids = async (...args: string[]): Promise<string[]> => {
      const { stdout } = await run("traces", "list", "--json", ...args);
      return (JSON.parse(stdout) as { trace_id: string }[]).map((row) => row.trace_id);
    };
    const found = await Promise.all([
      ids("--since", "2019-12-31"),
      ids("--limit", "1", "--service", "front-desk", "--status", "error", "--since", "2026-11-23T10:00Z"),
      ids("--project", "it's", "--status", "ok", "--until", "2026-11-23 10:00"),
      ids("--project", "' OR 1=1 --"),
    ]);
    expect(found).toEqual([[AGENT, OTHER], [AGENT], [OTHER], []]);
  });

  it("refuses bad times, limits and states with 2", async () => {
    const bad = await Promise.all([
      run("traces", "list", "--since", "yesterday"),
      run("traces", "list", "--limit", "0"),
      run("traces", "list", "--status", "odd"),
      run("traces", "lst"),
    ]);
    expect(bad.map(({ code }) => code)).toEqual([2, 2, 2, 2]);
    expect(bad[3]?.stderr).toContain("Did you mean list?");
  });
});

describe("counterfoil threads list", { timeout: 90_000 }, () => {
  it("lists threads, and traces list shows one of them and what is wrong with its traces", async () => {
    const threads = join(folder, "threads");
    const span = (trace: number, values: SpanValues): SpanValues => ({
      trace_id: `${trace}`.repeat(32),
      start_time: "2026-11-23 10:00:00",
      end_time: "2026-11-23 10:00:01",
      metadata: '{"session_id":"s 1"}',
      project: "hotel",
      ...values,
    });
    await addSpans(threads, 1, [
      span(1, {
        span_id: "1".repeat(16),
        name: "first",
        input_messages: "hello",
        start_time: "2026-11-22 09:00:00",
      }),
      span(2, { span_id: "2".repeat(16), name: "last", end_time: null, output_messages: "bye" }),
      span(2, {
        span_id: "3".repeat(16),
        parent_span_id: "2".repeat(16),
        name: "early",
        start_time: "2026-11-23 09:59:59.75",
      }),
      span(2, { span_id: "4".repeat(16), parent_span_id: "9".repeat(16), name: "lost" }),
      span(3, { span_id: "5".repeat(16), name: "alone", metadata: null }),
    ]);
    const cli = (...args: string[]): ReturnType<typeof runCli> => runCli([...args, "--data-dir", threads]);
    const [table, json, traces, shown] = await Promise.all([
      cli("threads", "list"),
      cli("threads", "list", "--json", "--since", "2026-11-23"),
      cli("traces", "list", "--thread", "s 1", "--status", "incomplete"),
      cli("traces", "show", "2222"),
    ]);
    expect(table.stdout.split("\n")[2]).toMatch(/^s 1 +hotel +2026-11-23 10:00:01 +2 .*pending$/);
    expect(JSON.parse(json.stdout)).toMatchObject([
      { thread_id: "s 1", trace_count: 2, incomplete_count: 1, first_input: "hello", last_output: "bye" },
    ]);
    const wrong = "pending: 1 span without an end, 1 orphan, clock skew 250 ms";
    expect(traces.stdout.trimEnd().split("\n").slice(2)).toEqual([expect.stringContaining(wrong)]);
    expect(shown.stdout.split("\n")[0]).toBe(`trace ${"2".repeat(32)}: 3 spans, ${wrong}`);
  });
});

describe("counterfoil traces show", { timeout: 90_000 }, () => {
  it("draws the tree by trace id, its first digits, a span id or a LangSmith run id", async () => {
    const ids = [AGENT.toUpperCase(), "5b8efff7", "eee19b7ec3c1b175", "00000000-0000-0000-eee1-9b7ec3c1b175"];
    for (const { code, stdout } of await Promise.all(ids.map((id) => run("traces", "show", id)))) {
      expect(code).toBe(0);
      const lines = stdout.split("\n");
      expect(lines[0]).toBe(`trace ${AGENT}: 2 spans, 1 failed`);
      expect(lines[1]).toMatch(/^agent ␛.*chain · 2\.50 s$/);
      expect(lines[2]).toBe(
        "└─ chat small-1  llm · 800 ms · small-1 · 1,310 → 45 tokens · $0.00120 ✗ overloaded",
      );
      expect(lines[3]?.trim()).toBe("user: Can I cancel?");
    }
  });

  it("leaves out content on request, in the tree and in JSON", async () => {
    const [tree, json] = await Promise.all([
      run("traces", "show", AGENT, "--no-content"),
      run("traces", "show", AGENT, "--no-content", "--json"),
    ]);
    expect(tree.stdout + json.stdout).not.toContain("Can I cancel");
    expect(JSON.parse(json.stdout)).toMatchObject([{ name: root["name"] }, { input_tokens: 1310 }]);
  });

  it("never prints a control character of the data", async () => {
    const { stdout } = await run("traces", "show", AGENT, "--full");
    expect(stdout.replaceAll("\n", "")).not.toMatch(/\p{Cc}/u);
  });

  it("says when an id fits nothing (5), several traces (2), or is none (2)", async () => {
    const [none, several, bad] = await Promise.all([
      run("traces", "show", "ffffffff"),
      run("traces", "show", "5b8e"),
      run("traces", "show", "xyz"),
    ]);
    expect([none.code, several.code, bad.code]).toEqual([5, 2, 2]);
    expect(several.stderr).toContain(`  ${OTHER}\n  ${AGENT}`);
    expect(bad.stderr).toContain("hex digits");
  });
});

describe("counterfoil tail", { timeout: 90_000 }, () => {
  it("shows the newest spans, then each new one once, with no server, and ends well on Ctrl-C", async () => {
    const tailed = startCli(["tail", "--data-dir", dataDir, "-n", "1", "--json"]);
    await expect.poll(() => tailed.stdout(), { timeout: 60_000 }).toContain("ping");
    await addSpans(dataDir, 3, [{ ...root, trace_id: "c".repeat(32), name: "third" }]);
    await expect.poll(() => tailed.stdout(), { timeout: 60_000 }).toContain("third");
    await addSpans(dataDir, 4, [{ ...root, trace_id: "d".repeat(32), name: `fourth ${EVIL}` }]);
    await expect.poll(() => tailed.stdout(), { timeout: 60_000 }).toContain("fourth");
    tailed.child.kill("SIGINT");
    const { code, stdout, stderr } = await tailed.ended;
    expect([code, stderr]).toEqual([0, ""]);
    const names = stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { name: string }).name);
    expect(names).toEqual(["ping", "third", `fourth ${EVIL}`]);
  });

  it("prints a line a span that no data can break", async () => {
    const tailed = startCli(["tail", "--data-dir", dataDir, "--service", "front-desk"]);
    await expect.poll(() => tailed.stdout(), { timeout: 60_000 }).toContain("fourth");
    tailed.child.kill("SIGTERM");
    expect((await tailed.ended).code).toBe(0);
    expect(tailed.stdout()).toMatch(
      /^10:00:00 +5b8efff7 front-desk agent ␛\]0;owned␇␛\[31m␍ {2}chain · 2\.50 s$/m,
    );
  });
});
