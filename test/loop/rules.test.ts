import { afterAll, expect, test } from "vitest";
import { matchingRuns } from "../../loop/rules/matched-runs.js";
import { queryRows, type SqlParameter } from "../../store/index.js";
import { startRulesHarness, TO_DATASET } from "./rules-harness.js";

const harness = await startRulesHarness();
const { call, apply, rulesAreThrough, sql, sendRun } = harness;
afterAll(() => harness.stop());

test("a rule that can't work is refused and named with its field; nothing of the list is applied", async () => {
  const good = { name: "good", actions: [TO_DATASET] };
  const refused: readonly (readonly [object, string])[] = [
    [{ actions: [TO_DATASET] }, "name is missing"],
    [{ name: "x" }, "actions is missing"],
    [{ name: "x", actions: [] }, "no actions"],
    [{ name: "x", fliter: "y", actions: [TO_DATASET] }, "there is no field fliter"],
    [{ name: "x", filter: "eq(name", actions: [TO_DATASET] }, "filter: The filter needs"],
    [
      { name: "x", tree_filter: 'eq(nme, "a")', actions: [TO_DATASET] },
      "tree_filter: The filter names the field nme",
    ],
    [{ name: "x", sampling_rate: 2, actions: [TO_DATASET] }, "sampling_rate"],
    [{ name: "x", actions: [{ type: "explode" }] }, "actions[0].type must be one of"],
    [{ name: "x", actions: [{ type: "add_to_dataset" }] }, "actions[0] that needs dataset or dataset_id"],
    [{ name: "x", actions: [{ ...TO_DATASET, outputs: "best" }] }, "actions[0].outputs must be one of"],
    [
      { name: "x", actions: [{ ...TO_DATASET, outputs: "correction" }, TO_DATASET] },
      "actions[1] that does to each run what actions[0] does",
    ],
    [{ name: "x", actions: [{ type: "add_feedback" }] }, "actions[0] that needs key"],
    [
      { name: "x", where: "nme = 'a'", actions: [TO_DATASET] },
      'where: Binder Error: Referenced column \\"nme\\"',
    ],
    [
      { name: "x", where: "name", actions: [TO_DATASET] },
      "where: must be true or false of each span, got VARCHAR",
    ],
    [{ name: "x", where: "true) AS one, (true", actions: [TO_DATASET] }, "where: "],
    [
      { name: "x", where: "count(*) > 1", actions: [TO_DATASET] },
      "where: Binder Error: WHERE clause cannot contain aggregates",
    ],
    [
      { name: "x", where: "name IN (SELECT content FROM read_text('/etc/passwd'))", actions: [TO_DATASET] },
      "where: ",
    ],
  ];
  for (const [rule, word] of refused) {
    const { status, body } = await apply([good, rule]);
    expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining(word)]);
  }
  expect((await apply([good, good])).status).toBe(409);
  expect((await call("GET", "/api/v1/rules")).body).toEqual([]);
});

test("rules that set themselves off, alone or through each other, are refused with the way round", async () => {
  const giving = (name: string, key: string, filter: string) => ({
    name,
    filter,
    actions: [{ type: "add_feedback", key, score: 1 }],
  });
  const alone = await apply([giving("echo", "seen", 'eq(feedback_key, "seen")')]);
  expect([alone.status, JSON.stringify(alone.body)]).toEqual([422, expect.stringContaining("echo")]);
  const round = await apply([
    giving("ping", "a", 'eq(feedback_key, "b")'),
    giving("pong", "b", 'and(eq(feedback_key, "a"), gt(feedback_score, 0))'),
  ]);
  expect(JSON.stringify(round.body)).toContain(String.raw`\"ping\" -> \"pong\" -> \"ping\"`);
  expect((await apply([giving("once", "a", 'eq(feedback_key, "b")')], { dry_run: true })).status).toBe(200);
});

test("apply tells what it changes, changes only that, and counts versions; prune deletes what is not given", async () => {
  const first = { name: "first", enabled: false, actions: [TO_DATASET] };
  expect((await apply([first], { dry_run: true })).body).toMatchObject([{ change: "create" }]);
  expect((await call("GET", "/api/v1/rules")).body).toEqual([]);
  await apply([first]);
  expect((await apply([first])).body).toMatchObject([{ change: "unchanged" }]);
  const changed = { ...first, sampling_rate: 0.5 };
  expect((await apply([changed])).body).toMatchObject([
    { change: "update", before: first, after: { sampling_rate: 0.5 } },
  ]);
  expect((await call("GET", "/api/v1/rules/first")).body).toMatchObject({ version: 2, sampling_rate: 0.5 });
  const second = { name: "second", enabled: false, actions: [TO_DATASET] };
  const pruned = await apply([second], { prune: true });
  expect(pruned.body).toMatchObject([{ change: "create" }, { name: "first", change: "delete" }]);
  expect((await call("GET", "/api/v1/rules")).body).toMatchObject([{ name: "second" }]);
  expect((await call("DELETE", "/api/v1/rules/second")).status).toBe(200);
  expect((await call("DELETE", "/api/v1/rules/second")).status).toBe(404);
});

test("a rule that was renamed stays when another one gets its old name; one rule under two names is refused", async () => {
  const rule = (name: string, description: string) => ({
    name,
    description,
    enabled: false,
    actions: [TO_DATASET],
  });
  const [{ id }] = (await apply([rule("old", "first")])).body as readonly [{ id: string }];
  expect((await call("PUT", "/api/v1/rules/old", rule("new", "first"))).status).toBe(200);
  expect((await apply([rule("old", "second")])).body).toMatchObject([{ change: "create" }]);
  expect((await call("GET", "/api/v1/rules")).body).toMatchObject([
    { id, name: "new", description: "first", version: 2 },
    { name: "old", description: "second", version: 1 },
  ]);
  const twice = await apply([{ ...rule("third", ""), id }, rule("new", "first")]);
  expect([twice.status, JSON.stringify(twice.body)]).toEqual([409, expect.stringContaining("given twice")]);
  for (const name of ["old", "new"]) expect((await call("DELETE", `/api/v1/rules/${name}`)).status).toBe(200);
});

test("a rule waits for a correction, takes it once, and an example that someone deleted does not come back", async () => {
  await apply([
    {
      name: "corrected",
      filter: 'eq(feedback_key, "right")',
      debounce_seconds: 0,
      actions: [{ type: "add_to_dataset", dataset: "fixed", outputs: "patched_output", splits: ["a", "b"] }],
    },
  ]);
  const trace = await sendRun();
  const feedback = {
    trace_id: trace,
    key: "right",
    score: 0,
    feedback_source: { type: "human", user_id: "ada" },
  };
  await call("POST", "/api/v1/feedback", feedback);
  await rulesAreThrough();
  const logs = () => call("GET", `/api/v1/rules/corrected/logs?trace=${trace}`);
  expect((await logs()).body).toMatchObject([
    { outcome: "skipped", reason: "no feedback on the run has a correction" },
  ]);
  await call("POST", "/api/v1/feedback", { ...feedback, correction: { sure: false, why: "rate" } });
  await rulesAreThrough();
  expect((await logs()).body).toMatchObject([{ outcome: "success" }]);
  const [example] = await sql("SELECT id, outputs, data FROM examples");
  expect(JSON.parse(example?.["outputs"] as string)).toMatchObject({
    sure: false,
    why: "rate",
    a: expect.any(String),
  });
  expect(JSON.parse(example?.["data"] as string)).toMatchObject({
    metadata: { dataset_split: ["a", "b"] },
    provenance: { correction: { reviewer: "ada" } },
  });

  expect((await call("DELETE", `/api/v1/examples/${example?.["id"] as string}`)).status).toBe(200);
  await call("POST", "/api/v1/feedback", { ...feedback, correction: { sure: false }, id: "again" });
  await rulesAreThrough();
  expect(await sql("SELECT id FROM examples")).toEqual([]);
  expect((await logs()).body).toHaveLength(1);
  await call("DELETE", "/api/v1/rules/corrected");
});

test("a rule takes its share of the traces by their ids, those that ended alone, and of the history nothing", async () => {
  const before = await sendRun({ name: "sampled" });
  await rulesAreThrough();
  const rule = (name: string, rate: number) => ({
    name,
    filter: 'eq(name, "sampled")',
    sampling_rate: rate,
    debounce_seconds: 0,
    actions: [{ type: "add_feedback", key: name, value: "yes" }],
  });
  await apply([rule("half", 0.5), rule("all", 1), rule("none", 0)]);
  const traces = new Set<string>();
  for (let run = 0; run < 24; run++) traces.add(await sendRun({ name: "sampled" }));
  await rulesAreThrough();
  const marked = async (key: string) =>
    (await sql(`SELECT trace_id FROM feedback WHERE key = '${key}'`)).map((row) => row["trace_id"] as string);
  expect(new Set(await marked("all"))).toEqual(traces);
  expect(await marked("none")).toEqual([]);
  const half = await marked("half");
  expect(half.length).toBeGreaterThan(3);
  expect(half.length).toBeLessThan(21);
  expect([...traces, ...half]).not.toContain(before);
  for (const name of ["half", "all", "none"]) await call("DELETE", `/api/v1/rules/${name}`);
});

test("what comes for a trace after its rule acted, and the whole request once more, adds nothing", async () => {
  await apply([{ name: "every", filter: 'eq(name, "once")', debounce_seconds: 0, actions: [TO_DATASET] }]);
  const trace = await sendRun({ name: "once" });
  await rulesAreThrough();
  const count =
    "SELECT (SELECT count(*) FROM examples_history) AS e, (SELECT count(*) FROM rule_runs_history) AS r";
  const [once] = await sql(count);
  harness.spans -= 1;
  await sendRun({ name: "once", trace });
  await call("POST", "/api/v1/feedback", { trace_id: trace, key: "late", score: 1 });
  await rulesAreThrough();
  harness.api = await harness.api.restart();
  await rulesAreThrough();
  expect(await sql(count)).toEqual([once]);
});

test("a dataset that a rule made and someone renamed keeps its name and its data; the rule makes another one", async () => {
  const action = { ...TO_DATASET, dataset: "fresh" };
  await apply([{ name: "renamed", filter: 'eq(name, "kept")', debounce_seconds: 0, actions: [action] }]);
  await sendRun({ name: "kept" });
  await rulesAreThrough();
  const [made] = await sql("SELECT id FROM datasets WHERE name = 'fresh'");
  const id = made?.["id"] as string;
  const change = { name: "archive", description: "Checked by Ada." };
  expect((await call("PATCH", `/api/v1/datasets/${id}`, change)).status).toBe(200);
  await sendRun({ name: "kept" });
  await sendRun({ name: "kept" });
  await rulesAreThrough();
  const counts = `SELECT d.name, json_extract_string(d.data, '$.description') AS description, count(*)::INTEGER AS examples
FROM datasets AS d JOIN examples AS e ON e.dataset_id = d.id WHERE d.name IN ('fresh', 'archive') GROUP BY ALL ORDER BY d.name`;
  expect(await sql(counts)).toEqual([
    { ...change, examples: 1 },
    { name: "fresh", description: "Made by the rule renamed.", examples: 2 },
  ]);
  await call("DELETE", "/api/v1/rules/renamed");
});

test("a trace filter is about the root of the run's trace, a tree filter about any run of it, and both about no other trace", async () => {
  const rule = (name: string, filters: object) => ({
    name,
    ...filters,
    filter: 'eq(name, "step")',
    debounce_seconds: 0,
    actions: [{ type: "add_feedback", key: name, value: "yes" }],
  });
  await apply([
    rule("by-root", { trace_filter: 'eq(name, "wanted")' }),
    rule("by-tree", { tree_filter: 'eq(name, "wanted")' }),
  ]);
  /** A root with a step and a leaf below it. */
  const sendTrace = async (root: string, leaf: string): Promise<string> => {
    const trace = await sendRun({ name: root });
    const parent = harness.spans.toString(16).padStart(16, "b");
    await sendRun({ trace, parent, name: "step" });
    return sendRun({ trace, parent, name: leaf });
  };
  const ofRoot = await sendTrace("wanted", "leaf");
  const ofLeaf = await sendTrace("root", "wanted");
  await sendTrace("root", "leaf");
  await rulesAreThrough();
  const marked = async (key: string) =>
    (await sql(`SELECT trace_id FROM feedback WHERE key = '${key}' ORDER BY 1`)).map(
      (row) => row["trace_id"],
    );
  expect(await marked("by-root")).toEqual([ofRoot]);
  expect(await marked("by-tree")).toEqual([ofRoot, ofLeaf].sort());
  for (const name of ["by-root", "by-tree"]) await call("DELETE", `/api/v1/rules/${name}`);
});

test("the runs that a rule takes come whole, each once, in parts of any size", async () => {
  const many = { name: "many", enabled: false, filter: 'eq(name, "part")', actions: [TO_DATASET] };
  await apply([many]);
  const traceIds = [await sendRun({ name: "part" }), await sendRun({ name: "part" })];
  for (const trace of [0, 1, 1, 0, 1]) await sendRun({ name: "part", trace: traceIds[trace] ?? "" });
  await sendRun({ name: "other", trace: traceIds[0] ?? "" });
  await rulesAreThrough();
  const rows = (text: string, params: readonly SqlParameter[]) =>
    queryRows({ dataDir: harness.api.dataDir, sql: text, params });
  const rule = { id: "", name: "many", enabled: true, version: 1, data: many, sinceSeq: 0 };
  const parts = async (runsMax?: number) => {
    const found: string[][] = [];
    for await (const keys of matchingRuns(rows, { rule, traceIds }, runsMax)) {
      found.push(keys.map(({ spanId }) => spanId));
    }
    return found;
  };
  const [whole = []] = await parts();
  expect(whole).toHaveLength(7);
  for (const [size, lengths] of [
    [3, [3, 3, 1]],
    [7, [7, 0]],
  ] as const) {
    const found = await parts(size);
    expect(found.map(({ length }) => length)).toEqual(lengths);
    expect(found.flat().sort()).toEqual([...whole].sort());
  }
  await call("DELETE", "/api/v1/rules/many");
});

test("a rule may wait longer for a trace than one timer of Node.js can, and does not hold up the others", async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on("warning", note);
  const rule = (name: string, seconds: number) => ({
    name,
    debounce_seconds: seconds,
    filter: 'eq(name, "slow")',
    actions: [{ type: "add_feedback", key: name, value: "yes" }],
  });
  await apply([rule("a month", 31 * 24 * 3600), rule("at once", 0)]);
  await sendRun({ name: "slow" });
  // The rules are looked at by name: whoever sees what the second one did knows that the first one waits.
  for (let done: readonly unknown[] = []; done.length === 0;) {
    const { status } = await call("POST", "/api/v1/rules/wait", { deadline_ms: 300 });
    expect(status).toBe(503);
    done = (await call("GET", "/api/v1/rules/at%20once/logs")).body;
  }
  expect((await call("GET", "/api/v1/rules/a%20month/logs")).body).toEqual([]);
  for (const name of ["a month", "at once"])
    await call("DELETE", `/api/v1/rules/${encodeURIComponent(name)}`);
  await rulesAreThrough();
  process.off("warning", note);
  expect(warnings).not.toContain("TimeoutOverflowWarning");
});
