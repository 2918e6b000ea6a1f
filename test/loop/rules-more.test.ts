import { afterAll, expect, test } from "vitest";
import { startRulesHarness, TO_DATASET } from "./rules-harness.js";

const harness = await startRulesHarness();
const { call, apply, rulesAreThrough, sql, sendRun } = harness;
afterAll(() => harness.stop());

test("a backfill takes what was there before its rule, once, whatever the rule itself takes and however often it is asked", async () => {
  const past: string[] = [];
  for (let run = 0; run < 3; run++) past.push(await sendRun({ name: "past" }));
  // Its root is missing: it is not complete.
  await sendRun({ name: "past", parent: "1".padStart(16, "f") });
  await rulesAreThrough();
  const action = { ...TO_DATASET, dataset: "past" };
  await apply([{ name: "late", filter: 'eq(name, "past")', debounce_seconds: 0, actions: [action] }]);
  const backfill = async (body: object = {}) => {
    const answer = await call("POST", "/api/v1/rules/late/backfill", body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body as object;
  };
  const examples = async () =>
    (
      await sql(`SELECT data->'provenance'->'run'->>'trace_id' AS trace FROM examples_history
WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'past') ORDER BY 1`)
    ).map(({ trace }) => trace);

  expect(await backfill({ dry_run: true })).toMatchObject({
    looked: 4,
    total: 4,
    open: 1,
    before: 0,
    outcomes: [{ outcome: "success", reason: null, runs: 3 }],
  });
  expect(await sql("SELECT id FROM datasets WHERE name = 'past'")).toEqual([]);
  // The rule itself takes one of them: feedback came for it.
  await call("POST", "/api/v1/feedback", { trace_id: past[1], key: "late", score: 1 });
  const [first] = await Promise.all([backfill(), rulesAreThrough()]);
  expect(first).toMatchObject({ looked: 4, open: 1 });
  expect(await examples()).toEqual(past);
  expect(await backfill()).toMatchObject({ looked: 4, open: 1, before: 3, outcomes: [] });
  expect(await backfill({ since: "2030-01-01T00:00:00Z" })).toEqual({
    looked: 0,
    not_sampled: 0,
    open: 0,
    before: 0,
    not_matched: 0,
    outcomes: [],
    total: 0,
  });
  const [place] = await sql(
    `SELECT epoch_ns(start_time)::VARCHAR || '-' || trace_id || '-' || span_id AS at FROM spans WHERE trace_id = '${past[1] ?? ""}'`,
  );
  expect(await backfill({ after: place?.["at"] })).toMatchObject({ looked: 2, open: 1, before: 1 });
  // A run without a start is the oldest, not the last, behind which a step would begin again.
  const old = await sendRun({ name: "past", start: "0" });
  await rulesAreThrough();
  const [oldest] = await sql(
    `SELECT '0-' || trace_id || '-' || span_id AS at FROM spans WHERE trace_id = '${old}'`,
  );
  expect(await backfill({ dry_run: true })).toMatchObject({ looked: 5, up_to: "2026-11-23T06:00:00.000Z" });
  expect(await backfill({ after: oldest?.["at"] })).toMatchObject({ looked: 4, open: 1, before: 3 });
  expect((await call("POST", "/api/v1/rules/late/backfill", { after: "here" })).status).toBe(400);
  expect((await call("POST", "/api/v1/rules/late/backfill", { since: "soon" })).status).toBe(400);
  expect((await call("POST", "/api/v1/rules/nobody/backfill", {})).status).toBe(404);
  expect(await examples()).toEqual([...past, old]);
  await call("DELETE", "/api/v1/rules/late");
});

test("a SQL condition takes runs beside a filter, of these alone, and one that fails over a run is noted", async () => {
  const rule = (name: string, where: string) => ({
    name,
    where,
    filter: 'eq(name, "sql")',
    debounce_seconds: 0,
    actions: [{ type: "add_feedback", key: name, value: "yes" }],
  });
  const wanted = await sendRun({ name: "sql" });
  await apply([
    rule("one", `trace_id = '${wanted}' -- and nothing else`),
    rule("failing", "CAST(name AS INTEGER) = 1"),
  ]);
  await sendRun({ name: "sql" });
  await rulesAreThrough();
  const marked = async (key: string) =>
    (await sql(`SELECT trace_id FROM feedback WHERE key = '${key}'`)).map((row) => row["trace_id"]);
  expect(await marked("one")).toEqual([]);
  const dry = await call("POST", "/api/v1/rules/failing/backfill", { dry_run: true });
  expect([dry.status, JSON.stringify(dry.body)]).toEqual([422, expect.stringContaining("Conversion Error")]);
  expect((await call("POST", "/api/v1/rules/failing/backfill", {})).body).toMatchObject({
    not_matched: 0,
    outcomes: [{ outcome: "error", reason: expect.stringContaining("Conversion Error"), runs: 2 }],
  });
  const { body } = await call("POST", "/api/v1/rules/one/backfill", {});
  expect(body).toMatchObject({ looked: 2, not_matched: 1, outcomes: [{ outcome: "success", runs: 1 }] });
  expect(await marked("one")).toEqual([wanted]);
  const failed = { outcome: "error", reason: expect.stringContaining("where: Conversion Error") };
  expect((await call("GET", "/api/v1/rules/failing/logs")).body).toMatchObject([failed, failed]);
  for (const name of ["one", "failing"]) await call("DELETE", `/api/v1/rules/${name}`);
});

/** What the log of a rule says about the runs of a trace. */
async function logOf(rule: string, trace: string): Promise<{ id: string; outcome: string; reason: string }> {
  const { body } = await call("GET", `/api/v1/rules/${rule}/logs?trace=${trace}`);
  return (
    (body as { id: string; outcome: string; reason: string }[])[0] ?? { id: "", outcome: "", reason: "" }
  );
}

const QUESTION = "Can I get my money back when the concert is cancelled by the artist?";

test("guards refuse what a dataset has, exactly or nearly, and what another split or dataset has, with the example's id", async () => {
  const guarded = (name: string, guards: object, more: object = {}) => ({
    name,
    filter: `eq(name, "${name}")`,
    debounce_seconds: 0,
    actions: [{ ...TO_DATASET, dataset: "guarded", ...more, guards }],
  });
  const train = { splits: ["train"] };
  const rules = [
    guarded("exactly", { duplicates: "exact" }, train),
    guarded("nearly", { duplicates: "near" }),
    guarded("test-split", { exclusive_splits: ["train", "test"] }, { splits: ["test"] }),
    guarded("few-shot", { exclusive_datasets: ["guarded"] }, { dataset: "few-shot" }),
  ];
  await apply(rules);
  const [first, ...others] = await Promise.all(
    ["exactly", "exactly"].map((name) => sendRun({ name, inputs: { q: QUESTION } })),
  );
  await rulesAreThrough();
  const outcomes = [await logOf("exactly", first ?? ""), await logOf("exactly", others[0] ?? "")];
  // Which of the two came first is open.
  expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(["skipped", "success"]);
  const [example] = await sql(
    "SELECT id FROM examples WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'guarded')",
  );
  const same = `the same inputs are example ${example?.["id"] as string}`;
  expect(outcomes.find(({ outcome }) => outcome === "skipped")?.reason).toBe(`${same} in the dataset`);

  const near = await sendRun({ name: "nearly", inputs: { q: QUESTION.replace("my money", "the money") } });
  const far = await sendRun({ name: "nearly", inputs: { q: "When does the concert begin?" } });
  const tested = await sendRun({ name: "test-split", inputs: { q: QUESTION.toUpperCase() } });
  const shot = await sendRun({ name: "few-shot", inputs: { q: QUESTION } });
  await rulesAreThrough();
  expect((await logOf("nearly", near)).reason).toMatch(
    /^example [-0-9a-f]+ is alike \(0\.[89]\d\) in the dataset$/,
  );
  expect((await logOf("nearly", far)).outcome).toBe("success");
  expect((await logOf("test-split", tested)).reason).toBe(`${same} in another split, train`);
  expect((await logOf("few-shot", shot)).reason).toBe(`${same} in the dataset guarded`);

  // What is deleted is no duplicate any more; the rule looks again when something comes for the run.
  await call("DELETE", `/api/v1/examples/${example?.["id"] as string}`);
  await call("POST", "/api/v1/feedback", { trace_id: shot, key: "again", score: 1 });
  await rulesAreThrough();
  expect((await logOf("few-shot", shot)).outcome).toBe("success");
  for (const { name } of rules) await call("DELETE", `/api/v1/rules/${name}`);
});

test("what is redacted never reaches the dataset, and what is quarantined does when someone approves it, by name", async () => {
  const guards = {
    quarantine: true,
    redact: [
      { pattern: String.raw`\b(\d{4})-\d{4}\b`, replacement: "[card]" },
      { pattern: "(?i)ada(?:\\s+lovelace)?" },
    ],
  };
  const action = { ...TO_DATASET, dataset: "checked", guards };
  await apply([{ name: "checked", filter: 'eq(name, "checked")', debounce_seconds: 0, actions: [action] }]);
  const inputs = { q: ["Card 1234-5678 of Ada Lovelace", { n: 12345678 }], "1234-5678": true };
  const [good, bad, third] = await Promise.all(
    [0, 1, 2].map((n) =>
      // Half a surrogate pair is what a text has that was cut.
      sendRun({
        name: "checked",
        inputs: { ...inputs, n },
        outputs: { a: "ADA has \u0000 4321-8765\ud83d" },
      }),
    ),
  );
  await rulesAreThrough();
  const entries = await Promise.all([good, bad, third].map((trace) => logOf("checked", trace ?? "")));
  expect(entries.map(({ outcome, reason }) => [outcome, reason])).toEqual(
    Array.from({ length: 3 }, () => ["quarantined", "waits for approval"]),
  );
  expect(await sql("SELECT id FROM datasets WHERE name = 'checked'")).toEqual([]);
  const ids = entries.map(({ id }) => id);
  const decide = async (verb: string, body: object) => call("POST", `/api/v1/rules/checked/${verb}`, body);
  const stored = {
    inputs: { ...inputs, q: ["Card [card] of [redacted]", { n: 12345678 }], n: 0 },
    outputs: { a: "[redacted] has \u0000 [card]\ufffd" },
  };
  const dry = await decide("approve", { ids: [ids[0]], dry_run: true });
  expect(dry.body).toMatchObject([{ id: ids[0], outcome: "success", example: stored }]);
  expect((await decide("approve", { ids: [ids[0], "nobody"] })).status).toBe(404);
  expect((await decide("approve", {})).status).toBe(400);
  expect((await decide("reject", { ids: [ids[1]], by: "ada" })).body).toMatchObject([
    { outcome: "skipped", reason: "rejected by ada" },
  ]);
  expect((await decide("approve", { ids: [ids[0]], by: "bob" })).body).toMatchObject([
    { outcome: "success" },
  ]);
  expect((await decide("approve", { ids: [ids[0]] })).status).toBe(404);
  // Whatever comes for them later, the decisions stay.
  for (const trace of [good, bad])
    await call("POST", "/api/v1/feedback", { trace_id: trace, key: "late", score: 1 });
  await rulesAreThrough();
  expect((await logOf("checked", bad ?? "")).reason).toBe("rejected by ada");
  const rows = await sql(
    "SELECT data FROM examples WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'checked')",
  );
  expect(rows.map(({ data }) => JSON.parse(data as string) as object)).toEqual([
    expect.objectContaining(stored),
  ]);
  expect((await logOf("checked", good ?? "")) as object).toMatchObject({
    actions: [{ decision: "approved", decided_by: "bob" }],
  });
  expect((await decide("approve", { all: true, dry_run: true })).body).toHaveLength(1);
  // Of two who decide at once the first one decides, and no record says otherwise.
  await Promise.all(["approve", "reject"].map((verb) => decide(verb, { ids: [ids[2]] })));
  const { outcome } = await logOf("checked", third ?? "");
  const examples = await sql(
    "SELECT id FROM examples WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'checked')",
  );
  expect([outcome, examples.length]).toEqual(outcome === "success" ? ["success", 2] : ["skipped", 1]);
  await call("DELETE", "/api/v1/rules/checked");
});

test("guards that can't work are refused and named", async () => {
  for (const [guards, word] of [
    [{ redact: [{ pattern: "a" }, { pattern: "(" }] }, "guards.redact[1].pattern"],
    // RE2 would keep the text.
    [{ redact: [{ pattern: "(a)", replacement: String.raw`\2` }] }, "guards.redact[0].replacement"],
    [{ redact: [{ pattern: "(?i)a|b", replacement: String.raw`\0` }] }, "guards.redact[0].replacement"],
    [{ redact: [{ pattern: "a", replacement: String.raw`C:\x` }] }, "redact[0].replacement with a backslash"],
    [{ duplicates: "some" }, "guards.duplicates must be one of"],
    [{ similarity: 2 }, "guards.similarity"],
    [{ consensus: { annotators: 0 } }, "guards.consensus.annotators"],
    [{ consensus: { users: [] } }, "there is no field actions[0].guards.consensus.users"],
    [{ exclusive_splits: ["a", "b"] }, "exclusive_splits"],
    [{ exclusive_datasets: [5] }, "guards.exclusive_datasets"],
  ] as const) {
    const action = { ...TO_DATASET, splits: ["a", "b"], guards };
    const { status, body } = await apply([{ name: "wrong", actions: [action] }]);
    expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining(word)]);
  }
});

test("a corrected run becomes an example when a second annotator says the same, with what they agree on", async () => {
  const action = {
    type: "add_to_dataset",
    dataset: "agreed",
    guards: { consensus: { key: "right", annotators: 2 } },
  };
  await apply([
    { name: "agreed", filter: 'eq(feedback_key, "right")', debounce_seconds: 0, actions: [action] },
  ]);
  const trace = await sendRun({ name: "agreed" });
  const say = (user: string, a: number) =>
    call("POST", "/api/v1/feedback", {
      trace_id: trace,
      key: "right",
      score: 0,
      correction: { a },
      feedback_source: { type: "human", user_id: user },
    });
  await say("ada", 1);
  await say("eve", 2);
  await rulesAreThrough();
  expect(await logOf("agreed", trace)).toMatchObject({
    outcome: "skipped",
    reason: "no consensus: 1 of 2 annotators agree",
  });
  await say("bob", 1);
  await say("eve", 3);
  await rulesAreThrough();
  const [example] = await sql(
    "SELECT outputs FROM examples WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'agreed')",
  );
  expect(JSON.parse(example?.["outputs"] as string)).toEqual({ a: 1 });
  await call("DELETE", "/api/v1/rules/agreed");
});

test("half a surrogate pair in feedback and in a run holds up no rule, and no query that looks into their JSON", async () => {
  const half = { half: "a\ud800b", whole: "\ud83d\ude00", text: "\\ud800", quoted: '"\\\\udfff"' };
  const action = { ...TO_DATASET, dataset: "halves", outputs: "correction" };
  await apply([{ name: "halves", filter: 'eq(name, "half")', debounce_seconds: 0, actions: [action] }]);
  const trace = await sendRun({ name: "half", inputs: half });
  const given = { trace_id: trace, key: "half", score: 1, correction: half };
  expect((await call("POST", "/api/v1/feedback", given)).status).toBe(200);
  await rulesAreThrough();
  const [made] = await sql(
    `SELECT outputs, json_valid(data) AS valid FROM examples WHERE dataset_id = (SELECT id FROM datasets WHERE name = 'halves')`,
  );
  expect(made?.["valid"]).toBe(true);
  expect(JSON.parse(made?.["outputs"] as string)).toEqual({ ...half, half: "a\ufffdb" });
  expect(await sql("SELECT id FROM feedback WHERE NOT json_valid(data)")).toEqual([]);
});
