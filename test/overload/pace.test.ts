import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Pace } from "../../collector/ingest/pace.js";
import type { JournalEntry } from "../../journal/index.js";
import { PACE_ITEM_BYTES } from "../../schema/index.js";

const entry = (bytes: number, more: Partial<JournalEntry> = {}): JournalEntry => ({
  signal: "traces",
  encoding: "identity",
  payload: new Uint8Array(bytes),
  itemCount: 1,
  receivedUnixNano: 1n,
  ...more,
});

/** A journal that stores at once, and what it has stored. */
function journal() {
  const stored: JournalEntry[] = [];
  return { stored, append: (added: JournalEntry) => Promise.resolve(stored.push(added)) };
}

/** Lets every promise that can go on do so. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const COST = PACE_ITEM_BYTES + 100;

test("item 75: beyond what may be ahead of sealing, requests wait in order, and follow as much as was sealed", async () => {
  const pace = new Pace({ aheadBytes: 3 * COST, slackBytes: COST, waitMs: 60_000 });
  const { stored, append } = journal();
  const guarded = pace.guard({ append });
  const sent = Array.from({ length: 6 }, (_, index) => entry(100, { receivedUnixNano: BigInt(index) }));
  const answers = sent.map((each) => guarded.append(each));
  await settle();
  expect([stored.length, pace.waiting]).toEqual([3, 3]);
  pace.sealed(0);
  await settle();
  expect(stored).toHaveLength(3);
  pace.sealed(3);
  await settle();
  expect([stored.length, pace.waiting]).toEqual([6, 0]);
  expect(stored).toEqual(sent);
  expect(await Promise.all(answers)).toEqual([1, 2, 3, 4, 5, 6]);
  pace.close();
});

test("a request larger than all that may be ahead is stored when nothing else waits to be sealed", async () => {
  const pace = new Pace({ aheadBytes: 10, slackBytes: 10, waitMs: 60_000 });
  expect(await pace.guard(journal()).append(entry(100))).toBe(1);
});

test("records never wait: a correction is not held up by spans", async () => {
  const pace = new Pace({ aheadBytes: 0, slackBytes: 0, waitMs: 60_000 });
  const guarded = pace.guard(journal());
  await guarded.append(entry(100));
  void guarded.append(entry(100));
  expect(pace.waiting).toBe(1);
  expect(await guarded.append(entry(100, { signal: "records" }))).toBe(2);
  pace.close();
});

test("what the journal refused is not waited for", async () => {
  const pace = new Pace({ aheadBytes: COST, slackBytes: 0, waitMs: 60_000 });
  const refused = pace.guard({ append: () => Promise.reject(new Error("full")) });
  await expect(refused.append(entry(100))).rejects.toThrow("full");
  expect(await pace.guard(journal()).append(entry(100))).toBe(1);
  expect(pace.waiting).toBe(0);
});

test("what the journal refuses makes room at once for those that wait behind it", async () => {
  const pace = new Pace({ aheadBytes: COST, slackBytes: 0, waitMs: 60_000 });
  let refuse: (error: Error) => void = () => undefined;
  const refused = pace.guard({ append: () => new Promise((_, reject) => (refuse = reject)) });
  const failing = refused.append(entry(100)).catch(String);
  const behind = pace.guard(journal()).append(entry(100));
  expect(pace.waiting).toBe(1);
  refuse(new Error("full"));
  expect(await failing).toBe("Error: full");
  expect(await behind).toBe(1);
});

test("what was sealed before its sender heard that it is stored holds nobody up", async () => {
  const pace = new Pace({ aheadBytes: COST, slackBytes: 0, waitMs: 60_000 });
  let answer: (seq: number) => void = () => undefined;
  const slow = pace.guard({ append: () => new Promise((resolve) => (answer = resolve)) });
  const first = slow.append(entry(100));
  const behind = pace.guard(journal()).append(entry(100));
  pace.sealed(1);
  answer(1);
  expect(await first).toBe(1);
  expect(await behind).toBe(1);
});

test("once it is closed nobody waits, whatever is sealed while the server stops", async () => {
  const pace = new Pace({ aheadBytes: COST, slackBytes: 0, waitMs: 60_000 });
  const guarded = pace.guard(journal());
  await guarded.append(entry(100));
  pace.close();
  pace.sealed(0);
  expect(await guarded.append(entry(100))).toBe(2);
});

test("nobody waits longer than the limit; when nothing was sealed meanwhile nobody waits at all, until something is", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  try {
    const pace = new Pace({ aheadBytes: COST, slackBytes: COST, waitMs: 1_000 });
    const { stored, append } = journal();
    const guarded = pace.guard({ append });
    void guarded.append(entry(100));
    void guarded.append(entry(100));
    await vi.advanceTimersByTimeAsync(500);
    void guarded.append(entry(100));
    // Something is sealed, and not enough: the first one waits until its own time is over, the others go on waiting.
    pace.sealed(0);
    await vi.advanceTimersByTimeAsync(510);
    expect([stored.length, pace.waiting]).toEqual([2, 1]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect([stored.length, pace.waiting]).toEqual([3, 0]);
    for (let index = 0; index < 5; index++) void guarded.append(entry(100));
    await settle();
    expect([stored.length, pace.waiting]).toEqual([8, 0]);
    // Sealing goes on: from here rates meet, although far more is ahead than may be.
    pace.sealed(1);
    void guarded.append(entry(100));
    void guarded.append(entry(100));
    await settle();
    expect([stored.length, pace.waiting]).toEqual([9, 1]);
    pace.close();
    await settle();
    expect([stored.length, pace.waiting]).toEqual([10, 0]);
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});

test("in any order of requests and sealing each request is stored once, in order, and never more is ahead than may be", async () => {
  const steps = fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.nat({ max: 5_000 }) },
      { weight: 2, arbitrary: fc.constant("seal" as const) },
    ),
    { maxLength: 60 },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.nat({ max: 12_000 }), async (taken, aheadBytes) => {
      const pace = new Pace({ aheadBytes, slackBytes: 2_000, waitMs: 60_000 });
      const { stored, append } = journal();
      const guarded = pace.guard({ append });
      const sent: number[] = [];
      let sealedSeq = 0;
      const ahead = () =>
        stored.slice(sealedSeq).reduce((sum, { payload }) => sum + payload.length + PACE_ITEM_BYTES, 0);
      for (const step of taken) {
        if (step === "seal") pace.sealed((sealedSeq = Math.min(stored.length, sealedSeq + 1)));
        else {
          sent.push(step);
          void guarded.append(entry(step));
        }
        await settle();
        // One that is too large by itself is let in alone; marks are given back together.
        if (stored.length - sealedSeq > 1) expect(ahead()).toBeLessThanOrEqual(aheadBytes + 2_000);
      }
      while (sealedSeq < sent.length) {
        expect(stored.length).toBeGreaterThan(sealedSeq);
        pace.sealed((sealedSeq = stored.length));
        await settle();
      }
      expect(stored.map(({ payload }) => payload.length)).toEqual(sent);
      expect(pace.waiting).toBe(0);
      pace.close();
    }),
    { numRuns: 300 },
  );
});
