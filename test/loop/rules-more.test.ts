import { afterAll, expect, test } from "vitest";
import { startRulesHarness, TO_DATASET } from "./rules-harness.js";

const harness = await startRulesHarness();
const { call, apply, rulesAreThrough, sql, sendRun } = harness;
afterAll(() => harness.api.stop());

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
  expect((await call("POST", "/api/v1/rules/late/backfill", { after: "here" })).status).toBe(400);
  expect((await call("POST", "/api/v1/rules/late/backfill", { since: "soon" })).status).toBe(400);
  expect((await call("POST", "/api/v1/rules/nobody/backfill", {})).status).toBe(404);
  expect(await examples()).toEqual(past);
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
    rule("escaped", "false) OR (name = 'other'"),
    rule("failing", "CAST(name AS INTEGER) = 1"),
  ]);
  await sendRun({ name: "sql" });
  await sendRun({ name: "other" });
  await rulesAreThrough();
  const marked = async (key: string) =>
    (await sql(`SELECT trace_id FROM feedback WHERE key = '${key}'`)).map((row) => row["trace_id"]);
  expect(await marked("one")).toEqual([]);
  expect(await marked("escaped")).toEqual([]);
  const dry = await call("POST", "/api/v1/rules/failing/backfill", { dry_run: true });
  expect([dry.status, JSON.stringify(dry.body)]).toEqual([422, expect.stringContaining("Conversion Error")]);
  const { body } = await call("POST", "/api/v1/rules/one/backfill", {});
  expect(body).toMatchObject({ looked: 2, not_matched: 1, outcomes: [{ outcome: "success", runs: 1 }] });
  expect(await marked("one")).toEqual([wanted]);
  expect((await call("GET", "/api/v1/rules/failing/logs")).body).toMatchObject([
    { outcome: "error", reason: expect.stringContaining("where: Conversion Error") },
  ]);
  for (const name of ["one", "escaped", "failing"]) await call("DELETE", `/api/v1/rules/${name}`);
});
