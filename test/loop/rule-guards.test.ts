import fc from "fast-check";
import { expect, test } from "vitest";
import { consensusOf } from "../../loop/rules/guards/consensus.js";
import { redacted } from "../../loop/rules/guards/redact.js";
import { CounterfoilError } from "../../schema/index.js";
import { jaccard, minHash, piecesOf, similarityOf, textOf } from "../../loop/rules/guards/min-hash.js";
import { matchingWhere } from "../../loop/rules/where.js";
import type { RunFeedback } from "../../loop/rules/rule-types.js";

const aSet = fc
  .uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 120 })
  .map((list) => new Set(list));

test("MinHash estimates the exact Jaccard similarity of any two sets within five standard deviations", () => {
  let error = 0;
  let pairs = 0;
  fc.assert(
    fc.property(aSet, aSet, aSet, (left, right, common) => {
      const [a, b] = [new Set([...left, ...common]), new Set([...right, ...common])];
      const exact = jaccard(a, b);
      const estimate = similarityOf(minHash(a), minHash(b));
      expect(Math.abs(estimate - exact)).toBeLessThan(5 * 0.0625);
      error += estimate - exact;
      pairs += 1;
    }),
    { numRuns: 400 },
  );
  // Nor is it off to one side: the mean of 400 has a standard deviation of 0.003 at most.
  expect(Math.abs(error / pairs)).toBeLessThan(0.02);
});

test("the signature of two sets together has the lesser of each place, whatever the order and repetitions", () => {
  fc.assert(
    fc.property(aSet, aSet, (left, right) => {
      const both = minHash([...right, ...left, ...right]);
      const [a, b] = [minHash(left), minHash(right)];
      expect([...both]).toEqual([...a].map((least, at) => Math.min(least, b[at] ?? 0)));
      expect(similarityOf(a, minHash([...left].reverse()))).toBe(1);
    }),
    { numRuns: 100 },
  );
});

test("Jaccard similarity is what both sets share of what either has", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(30)), fc.uniqueArray(fc.nat(30)), (left, right) => {
      const [a, b] = [new Set(left.map(String)), new Set(right.map(String))];
      const either = new Set([...a, ...b]).size;
      expect(jaccard(a, b)).toBe(either === 0 ? 1 : [...a].filter((each) => b.has(each)).length / either);
    }),
  );
});

test("texts are the same whatever their case, spaces, order of fields and form of Unicode; signs count only where exact", () => {
  const same = textOf({ b: ["Können Sie\n mir", 5], a: "１２ EUR" });
  expect(same).toBe(textOf({ a: "12 eur", b: ["ko\u0308nnen  sie mir", 5] }));
  expect(textOf({ n: -5 })).not.toBe(textOf({ n: 5 }));
  expect(jaccard(piecesOf("why, exactly?"), piecesOf("why exactly"))).toBe(1);
  expect(piecesOf("👍👍")).toEqual(new Set(["👍👍"]));
  expect(piecesOf("")).toEqual(new Set([""]));
});

const said = (userId: string | null, score: number, more: Partial<RunFeedback> = {}): RunFeedback => ({
  id: "",
  key: "right",
  score,
  value: null,
  correction: undefined,
  sourceType: "human",
  userId,
  role: null,
  ...more,
});
const WITH = { withCorrection: true };

test("so many different annotators must say the same, each with the newest of what they said, and no other camp be as large", () => {
  const guard = { key: "right", annotators: 2 };
  const refused = (feedback: readonly RunFeedback[]) => {
    const found = consensusOf(guard, feedback, WITH);
    return "refused" in found ? found.refused : undefined;
  };
  expect(refused([said("ada", 0), said("bob", 0)])).toBeUndefined();
  expect(refused([said("ada", 0), said("ada", 0)])).toContain("1 of 2");
  expect(refused([said(null, 0), said(null, 0)])).toContain("0 of 2");
  // Newest first: Bob has changed his mind.
  expect(refused([said("bob", 1), said("ada", 0), said("bob", 0)])).toContain("1 of 2");
  expect(refused([said("ada", 0), said("bob", 0), said("cyd", 1), said("dan", 1)])).toContain("2 others");
  expect(refused([said("ada", 0, { key: "tone" }), said("bob", 0)])).toContain("1 of 2");
  const corrected = [said("ada", 0, { correction: { a: 1 } }), said("bob", 0, { correction: { a: 2 } })];
  expect(refused(corrected)).toContain("1 of 2");
  expect(consensusOf(guard, corrected, { withCorrection: false })).toEqual({ feedback: corrected });
});

test("one trusted user, source or role is enough, and their correction counts, not a newer one of someone else", () => {
  const newest = said("eve", 0, { correction: { a: "wrong" } });
  const trusted = said("ada", 0, { correction: { a: "right" }, role: "lead" });
  for (const guard of [{ trusted_users: ["ada"] }, { trusted_roles: ["lead"] }]) {
    expect(consensusOf(guard, [newest, trusted], WITH)).toEqual({ feedback: [trusted] });
  }
  expect(consensusOf({ trusted_sources: ["human"] }, [newest, trusted], WITH)).toEqual({
    feedback: [newest],
  });
  expect(consensusOf({ trusted_users: ["bob"] }, [newest, trusted], WITH)).toHaveProperty("refused");
});

test("a SQL condition takes none but the runs that it is asked about, whatever it makes of the statement", async () => {
  const key = (digit: string) => ({ traceId: digit.repeat(32), spanId: digit.repeat(16), runId: "" });
  const asked: string[] = [];
  const sandbox = async (sql: string) => {
    asked.push(sql);
    return ["b", "c"].map((digit) => ({ trace_id: digit.repeat(32), span_id: digit.repeat(16) }));
  };
  const where = "false) OR (name = 'other' -- all";
  const rule = { id: "", name: "", enabled: true, version: 1, sinceSeq: 0, data: { where } };
  expect(await matchingWhere(sandbox, rule, [key("a"), key("b")])).toEqual([key("b")]);
  expect(asked[0]).toContain(`(\n${where}\n)`);
  expect(await matchingWhere(sandbox, { ...rule, data: {} }, [key("a")])).toEqual([key("a")]);
  expect(asked).toHaveLength(1);
});

test("why a text could not be redacted does not quote it", async () => {
  const failing = (code: "CF_QUERY_FAILED" | "CF_QUERY_LIMIT", message: string) =>
    redacted(async () => Promise.reject(new CounterfoilError(code, message)), [{ pattern: "a" }], "secret");
  const quoting = failing("CF_QUERY_FAILED", 'Malformed JSON. Input: "["secret"]"');
  await expect(quoting).rejects.toThrow(/^could not be redacted: DuckDB can't take its texts$/);
  await expect(failing("CF_QUERY_LIMIT", "too slow")).rejects.toThrow("could not be redacted: too slow");
});
