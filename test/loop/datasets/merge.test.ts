import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  datasetLog,
  type MergePlan,
  type MergeRequest,
  planMerge,
  storeVersion,
} from "../../../loop/index.js";
import { mergePair, pairLines } from "../../../loop/datasets/merge-lines.js";
import { exampleHash, type JsonObject, versionHash } from "../../../schema/index.js";
import { createMirrorReader, type MirrorReader } from "../../../store/index.js";
import { doorOf } from "../../support/estate.js";
import { MirrorHarness } from "../../support/mirror-harness.js";
import { appendChanges, put } from "../../support/records.js";

const hashes = (line: Iterable<JsonObject>): string => versionHash([...line].map(exampleHash));

/** An example with an identity that only the oracle knows: `key` decides what is the same one. */
interface Model {
  readonly key: number;
  readonly inputs: number;
  readonly metadata: number;
}

const example = ({ key, inputs, metadata }: Model): JsonObject => ({
  inputs: { key, q: inputs },
  metadata: { m: metadata },
});

const edit = fc.record({
  key: fc.nat({ max: 7 }),
  what: fc.constantFrom("inputs", "metadata", "delete", "add"),
  value: fc.nat({ max: 2 }),
});

/** What a side makes of the common version. Added examples have keys of their own, or the same when both add one. */
function edited(
  base: ReadonlyMap<number, Model>,
  edits: readonly (typeof edit extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const line = new Map(base);
  for (const { key, what, value } of edits) {
    const before = line.get(key);
    if (what === "add") line.set(100 + value, { key: 100 + value, inputs: 0, metadata: 0 });
    else if (before === undefined) continue;
    else if (what === "delete") line.delete(key);
    else line.set(key, { ...before, [what]: value });
  }
  return line;
}

/** The rule, said once more in another way: value by value, where absent is a value. */
function oracle(
  base: Model | undefined,
  ours: Model | undefined,
  theirs: Model | undefined,
): Model | "conflict" | undefined {
  const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
  if (same(ours, theirs) || same(theirs, base)) return ours;
  if (same(ours, base)) return theirs;
  if (base === undefined || ours === undefined || theirs === undefined) return "conflict";
  const pick = (b: number, o: number, t: number): number =>
    o === t || t === b ? o : o === b ? t : Number.NaN;
  const inputs = pick(base.inputs, ours.inputs, theirs.inputs);
  const metadata = pick(base.metadata, ours.metadata, theirs.metadata);
  return Number.isNaN(inputs + metadata) ? "conflict" : { ...ours, inputs, metadata };
}

/** A line as the store has it, with ids that say nothing of the other line's. */
function lineOf(line: ReadonlyMap<number, Model>, prefix: string): Map<string, JsonObject> {
  return new Map([...line].map(([key, model]) => [`${prefix}${(key * 7919) % 1009}`, example(model)]));
}

describe("merging two lines by their contents", () => {
  it("takes what one side changed, and finds the same conflicts as the rule applied to each example by its identity", () => {
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 12 }), fc.array(edit, { maxLength: 12 }), (left, right) => {
        const base = new Map(Array.from({ length: 8 }, (_, key) => [key, { key, inputs: 0, metadata: 0 }]));
        const [ours, theirs] = [edited(base, left), edited(base, right)];
        const wanted = [...new Set([...base.keys(), ...ours.keys(), ...theirs.keys()])].map((key) =>
          oracle(base.get(key), ours.get(key), theirs.get(key)),
        );
        const lines = {
          base: { ours: lineOf(base, "o"), theirs: lineOf(base, "t") },
          ours: lineOf(ours, "o"),
          theirs: lineOf(theirs, "t"),
          merged: new Map(),
        };
        const after = new Map(lines.ours);
        let conflicts = 0;
        for (const pair of pairLines(lines)) {
          const result = mergePair(pair);
          const id = pair.ours?.id ?? `new ${pair.theirs?.id}`;
          if (result.kind === "put") after.set(id, result.data);
          else if (result.kind === "delete") after.delete(id);
          else if (result.kind === "conflict") {
            conflicts++;
            after.delete(id);
          }
        }
        expect(conflicts).toBe(wanted.filter((each) => each === "conflict").length);
        const kept = wanted.filter((each): each is Model => typeof each === "object");
        expect(hashes(after.values())).toBe(hashes(kept.map(example)));
      }),
    );
  });

  it("with a line that did not change nothing happens, however many examples have the same content", () => {
    const few = fc.array(fc.record({ inputs: fc.nat({ max: 1 }), metadata: fc.nat({ max: 1 }) }), {
      maxLength: 6,
    });
    const line = (models: readonly { inputs: number; metadata: number }[], prefix: string) =>
      new Map(models.map((model, n) => [`${prefix}${n}`, example({ key: 0, ...model })]));
    fc.assert(
      fc.property(few, few, (first, second) => {
        // Contents repeat here, so that who is who is anybody's guess; counts are not.
        const [base, ours] = [line(first, "o"), line(second, "o")];
        const theirs = line(first, "t");
        const pairs = pairLines({ base: { ours: base, theirs }, ours, theirs, merged: new Map() });
        expect(pairs.map((pair) => mergePair(pair).kind)).toEqual(pairs.map(() => "keep"));
      }),
    );
  });
});

describe("datasets merge", () => {
  let harness: MirrorHarness;
  let reader: MirrorReader;
  const OURS = "11111111-1111-4111-8111-111111111111";
  const THEIRS = "22222222-2222-4222-8222-222222222222";
  const rows: MergeRequest["rows"] = (sql, params) => reader.query(sql, params);
  let clock = Date.parse("2026-11-23T10:00:00Z");

  const change = (dataset_id: string, id: string, inputs: JsonObject | null, metadata: JsonObject = {}) => {
    const time = new Date(clock).toISOString();
    const data = inputs === null ? null : { dataset_id, inputs, metadata };
    return {
      ...put(id, data ?? {}, { type: "example" }),
      time,
      data,
      op: data === null ? "delete" : "put",
    } as const;
  };
  const store = async (...changes: Parameters<typeof appendChanges>[1]): Promise<void> => {
    clock += 1_000;
    await appendChanges(harness, changes);
    await harness.mirror.flush(60_000);
  };
  const plan = (given: Partial<MergeRequest> = {}): Promise<MergePlan> =>
    planMerge({
      rows,
      ours: { id: OURS, name: "ours" },
      theirs: { id: THEIRS, name: "theirs" },
      unrelated: false,
      choice: () => undefined,
      now: () => new Date(clock),
      ...given,
    });
  const merge = async (given: Partial<MergeRequest> = {}): Promise<MergePlan> => {
    clock += 1_000;
    const made = await plan(given);
    await storeVersion(doorOf(harness), made.changes);
    return made;
  };
  const newest = async (id: string): Promise<string | undefined> => (await datasetLog(rows, id, 1))[0]?.hash;

  beforeAll(async () => {
    harness = await MirrorHarness.open();
    reader = createMirrorReader({ dataDir: harness.dir });
    await store(
      put(OURS, { name: "ours" }, { type: "dataset" }),
      put(THEIRS, { name: "theirs" }, { type: "dataset" }),
    );
  });
  afterAll(async () => {
    await reader.close();
    await harness.close();
  });

  it("the log counts what large, deleted, moved and returning examples make of each version, however its changes are read", async () => {
    const [here, there] = [randomUUID(), randomUUID()];
    const large = (n: number): JsonObject => ({ q: String(n).repeat(2_500_000) });
    await store(
      ...[1, 2, 3, 4].map((n) => change(here, `large ${n}`, large(n))),
      change(there, "m", { q: "m" }),
    );
    await store(change(here, "m", { q: "m" }), change(here, "large 2", null));
    await store(change(there, "m", { q: "m" }), change(here, "small", { q: "s" }));
    await store(change(here, "large 2", large(5)), change(here, "small", { q: "s" }));
    const hashOf = (...inputs: JsonObject[]): string => hashes(inputs.map((each) => ({ inputs: each })));
    const log = await datasetLog(rows, here, 10);
    expect(
      log.map(({ hash, examples, added, modified, removed }) => [examples, added, modified, removed, hash]),
    ).toEqual([
      [5, 1, 0, 0, hashOf(large(1), large(5), large(3), large(4), { q: "s" })],
      [4, 1, 0, 1, hashOf(large(1), large(3), large(4), { q: "s" })],
      [4, 1, 0, 1, hashOf(large(1), large(3), large(4), { q: "m" })],
      [4, 4, 0, 0, hashOf(large(1), large(2), large(3), large(4))],
    ]);
    expect(await datasetLog(rows, here, 1)).toEqual(log.slice(0, 1));
    expect(await datasetLog(rows, randomUUID(), 10)).toEqual([]);
  });

  it("refuses lines without a common version, merges against it, and again only takes what is new, in both directions", async () => {
    await store(change(OURS, "x", { q: "x" }));
    await expect(plan()).rejects.toMatchObject({
      code: "CF_CONFLICT",
      message: expect.stringContaining("--unrelated"),
    });
    await expect(plan({ theirs: { id: OURS, name: "ours" } })).rejects.toMatchObject({ code: "CF_USAGE" });
    await store(change(OURS, "x", null), ...["a", "b", "c"].map((id) => change(OURS, id, { q: id })));
    await store(...["a", "b", "c"].map((id) => change(THEIRS, `t${id}`, { q: id })));
    const common = await newest(OURS);
    await store(change(OURS, "a", { q: "a ours" }), change(OURS, "b", { q: "b" }, { ours: true }));
    await store(
      change(THEIRS, "ta", { q: "a theirs" }),
      change(THEIRS, "tb", { q: "b theirs" }),
      change(THEIRS, "tc", null),
      change(THEIRS, "td", { q: "d" }),
    );
    const first = await merge();
    expect(first).toMatchObject({ common: { hash: common }, added: 1, modified: 1, removed: 1 });
    expect(first.conflicts).toMatchObject([
      { id: "a", theirs_id: "ta", parts: ["inputs and outputs"], ours: { inputs: { q: "a ours" } } },
    ]);
  });

  it("a decided conflict is stored with the rest as one version; nothing is asked twice; what changes later is taken", async () => {
    const decided = await merge({ choice: (id) => (id === "a" ? "ours" : undefined) });
    expect(decided.conflicts).toEqual([]);
    expect(await newest(OURS)).toBe(decided.version);
    const inputs = await reader.query(
      "SELECT inputs->>'q' AS q FROM examples WHERE dataset_id = $1 ORDER BY q",
      [OURS],
    );
    expect(inputs.map(({ q }) => q)).toEqual(["a ours", "b theirs", "d"]);
    expect(await merge()).toMatchObject({ changes: [], conflicts: [] });
    // The other line takes in what was decided, and both are the same.
    const swapped = { ours: { id: THEIRS, name: "theirs" }, theirs: { id: OURS, name: "ours" } };
    expect(await merge(swapped)).toMatchObject({ conflicts: [], added: 0, removed: 0 });
    await store(change(THEIRS, "ta", { q: "a later" }), change(THEIRS, "td", null));
    const later = await merge();
    expect(later).toMatchObject({ conflicts: [], modified: 1, removed: 1, added: 0 });
    expect(later.version).toBe(await newest(OURS));
  });

  it("of unrelated datasets what is missing is added once, and what was deleted here after that stays deleted", async () => {
    const other = "33333333-3333-4333-8333-333333333333";
    await store(
      put(other, { name: "other" }, { type: "dataset" }),
      change(other, "o1", { q: "new" }),
      change(other, "o2", { q: "d2" }),
    );
    const given = { theirs: { id: other, name: "other" }, unrelated: true };
    const made = await merge(given);
    expect(made).toMatchObject({ added: 2, common: null });
    expect(await merge(given)).toMatchObject({ changes: [] });
    await store(change(OURS, made.changes[0]?.id ?? "", null));
    expect(await merge(given)).toMatchObject({ changes: [], conflicts: [] });
  });
});
