import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sumTotals } from "../../exporters/core/counts.js";
import { addCounts, zeroCounts } from "../../journal/index.js";
import type { Outcome } from "../../exporters/core/exporter.js";
import type { DestinationStats } from "../../exporters/types.js";
import { EngineHarness } from "../support/engine-harness.js";

let h: EngineHarness;

beforeEach(() => {
  h = new EngineHarness();
});

afterEach(async () => {
  await h.engine?.stop();
});

const DOWN: Outcome = { kind: "retry", message: "ECONNREFUSED" };

function identity(stats: DestinationStats): void {
  const settled = sumTotals({
    delivered: { ...stats.delivered },
    filtered: { ...stats.filtered },
    deadLetter: { ...stats.deadLetter },
  });
  expect(stats.accepted).toEqual(addCounts(settled, stats.waiting));
}

function deadLetters(): { seq: number; reason: string; name?: string }[] {
  return h.deadLetters().map((letter) => {
    const { seq, reason, otlp } = JSON.parse(JSON.stringify(letter));
    return { seq, reason, name: otlp?.resourceSpans[0].scopeSpans[0].spans[0].name };
  });
}

describe("delivery", () => {
  it("I2: delivers in journal order, moves the cursor, and the counters add up", async () => {
    h.start();
    h.feed(["a", "b"], ["c"], ["d"]);
    identity(h.running.stats());
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a", "b", "c", "d"]);
    expect(h.running.stats()).toMatchObject({ cursorSeq: 3, state: "running", delivered: { traces: 4 } });
    expect(h.stored?.seq).toBe(3);
    expect(h.cursors.at(-1)).toBe(3);
    identity(h.running.stats());
  });

  it("I2: six hours of outage lose nothing, then everything drains once and in order", async () => {
    h.answer = () => DOWN;
    h.start();
    const names: string[] = [];
    for (let hour = 0; hour < 6; hour += 1) {
      const fed = [`h${hour}-0`, `h${hour}-1`];
      names.push(...fed);
      h.feed(fed);
      await h.clock.advance(3_600_000);
      expect(h.running.stats().state).toBe("retrying");
      identity(h.running.stats());
    }
    // One probe a minute at most, and no storm: 6 h are 360 minutes; full jitter averages about twice as many.
    expect(h.attempts.length).toBeGreaterThan(300);
    expect(h.attempts.length).toBeLessThan(1_200);
    h.answer = () => ({ kind: "delivered" });
    await h.clock.advance(120_000);
    expect(h.delivered).toEqual(names);
    expect(h.running.stats()).toMatchObject({ state: "running", waiting: zeroCounts() });
  });

  it("waits as long as Retry-After says", async () => {
    let answers: Outcome[] = [{ kind: "retry", message: "429", retryAfterMs: 30_000 }];
    h.answer = () => answers.shift() ?? { kind: "delivered" };
    h.start();
    h.feed(["a"]);
    await h.clock.advance(29_000);
    expect(h.attempts).toHaveLength(1);
    await h.clock.advance(2_000);
    expect(h.delivered).toEqual(["a"]);
    expect((h.attempts[1]?.at ?? 0) - (h.attempts[0]?.at ?? 0)).toBeGreaterThanOrEqual(30_000);
    answers = [];
  });

  it("a refused batch is bisected: only the poison span becomes a dead letter", async () => {
    h.answer = (names) =>
      names.includes("poison")
        ? { kind: "rejected", reason: "rejected_400", message: "bad span" }
        : { kind: "delivered" };
    h.start();
    h.feed(["a", "b", "poison", "c"], ["d", "e"]);
    await h.clock.advance(2_000);
    expect(h.delivered.toSorted()).toEqual(["a", "b", "c", "d", "e"]);
    expect(deadLetters()).toEqual([{ seq: 1, reason: "rejected_400", name: "poison" }]);
    expect(h.running.stats()).toMatchObject({
      cursorSeq: 2,
      delivered: { traces: 5 },
      deadLetter: { rejected_400: { traces: 1 } },
    });
    identity(h.running.stats());
  });

  it("413 splits the batch down to the span that is too large by itself", async () => {
    h.answer = (names) =>
      names.length > 2 || names.includes("huge")
        ? { kind: "too_large", message: "413" }
        : { kind: "delivered" };
    h.start();
    h.feed(["a", "b", "c", "huge", "d", "e"]);
    await h.clock.advance(2_000);
    expect(h.delivered.toSorted()).toEqual(["a", "b", "c", "d", "e"]);
    expect(deadLetters()).toMatchObject([{ reason: "too_large", name: "huge" }]);
  });

  it("a span that makes the peer answer 500 is found once others pass, and nothing is given up while all fail", async () => {
    let outage = true;
    h.answer = (names) =>
      outage || names.includes("poison")
        ? { kind: "retry", message: "500", suspect: "rejected_500" }
        : { kind: "delivered" };
    h.start();
    h.feed(["a", "poison", "b"], ["c"], ["d", "e", "f", "g", "h", "i"]);
    await h.clock.advance(6 * 3_600_000);
    expect(h.running.stats().deadLetter).toEqual({});
    expect(h.received).toEqual([]);
    outage = false;
    for (let n = 0; n < 20; n += 1) {
      h.feed([`more-${n}`]);
      await h.clock.advance(60_000);
    }
    expect(deadLetters()).toMatchObject([{ reason: "rejected_500", name: "poison" }]);
    expect(h.delivered).toHaveLength(9 + 20);
    expect(new Set(h.delivered).size).toBe(9 + 20);
    expect(h.running.stats().waiting).toEqual(zeroCounts());
  });

  it("401 pauses with the data kept, re-checks once a minute, and goes on after it is put right", async () => {
    h.answer = () => ({ kind: "blocked", message: "HTTP 401" });
    h.start();
    h.feed(["a"], ["b"]);
    await h.clock.advance(1_000);
    expect(h.running.stats()).toMatchObject({
      state: "paused",
      waiting: { traces: 2 },
      lastError: "HTTP 401",
    });
    const before = h.attempts.length;
    await h.clock.advance(180_000);
    expect(h.attempts.length - before).toBe(3);
    h.answer = () => ({ kind: "delivered" });
    h.running.retryNow();
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a", "b"]);
    expect(h.running.stats().state).toBe("running");
  });

  it("partial success: the rejected count becomes dead letters with the peer's words", async () => {
    h.answer = () => ({ kind: "delivered", rejected: { count: 2, message: "no service.name" } });
    h.start();
    h.feed(["a", "b", "c"]);
    await h.clock.advance(1_000);
    expect(h.running.stats()).toMatchObject({
      delivered: { traces: 1 },
      deadLetter: { partial_success: { traces: 2 } },
    });
    identity(h.running.stats());
    expect(deadLetters()).toMatchObject([{ seq: 1, reason: "partial_success" }]);
  });

  it("an answer that says yes and breaks off is tried again, but not for ever", async () => {
    h.answer = () => ({ kind: "retry", message: "200 broke off", assumeDeliveredAfter: 3 });
    h.start();
    h.feed(["a"]);
    await h.clock.advance(120_000);
    expect(h.attempts).toHaveLength(3);
    expect(h.running.stats().delivered.traces).toBe(1);
  });

  it("with max_elapsed_time a batch that never passes becomes a dead letter; without it, never", async () => {
    h.answer = () => DOWN;
    h.start({ retry: { initialMs: 1_000, multiplier: 2, maxMs: 10_000, maxElapsedMs: 60_000 } });
    h.feed(["a"]);
    await h.clock.advance(90_000);
    expect(deadLetters()).toMatchObject([{ reason: "retry_time_exceeded", name: "a" }]);
    identity(h.running.stats());
  });

  it("keeps no more than its limit in memory while the peer is down, and still delivers everything", async () => {
    h.answer = () => DOWN;
    h.start({ pendingBytesMax: 1_000 });
    for (let n = 0; n < 200; n += 1) h.journal.appendSpans([`s${n}`]);
    h.running.notify(h.journal.tail());
    await h.clock.advance(60_000);
    const { waiting } = h.running.stats();
    expect(waiting.traces).toBe(200);
    h.answer = () => ({ kind: "delivered" });
    await h.clock.advance(600_000);
    expect(h.delivered).toEqual(Array.from({ length: 200 }, (_, n) => `s${n}`));
  });
});

describe("restart, gaps and flush", () => {
  it("I6: after a kill everything beyond the stored cursor is delivered again and nothing is lost", async () => {
    h.start({ concurrency: 1 });
    h.feed(["a"], ["b"]);
    await h.clock.advance(1_000);
    h.answer = (names) => (names.includes("c") ? DOWN : { kind: "delivered" });
    h.feed(["c"], ["d"]);
    await h.clock.advance(10);
    const stored = h.stored;
    // Killed: no stop(), nothing saved. The next engine knows only what was on disk.
    h.engine = undefined;
    h.stored = stored;
    h.answer = () => ({ kind: "delivered" });
    h.start();
    await h.clock.advance(2_000);
    expect(new Set(h.delivered)).toEqual(new Set(["a", "b", "c", "d"]));
    expect(h.running.stats()).toMatchObject({ accepted: { traces: 4 }, delivered: { traces: 4 } });
    identity(h.running.stats());
  });

  it("counts what the journal trimmed or lost as dead letters, exactly", async () => {
    h.start();
    h.feed(["a"]);
    await h.clock.advance(1_000);
    await h.running.stop();
    h.feed(["b", "c"], ["d"], ["e", "f", "g"], ["h"]);
    h.journal.trimTo(3);
    h.journal.corrupt(4);
    h.start();
    await h.clock.advance(1_000);
    expect(h.running.stats()).toMatchObject({
      accepted: { traces: 8 },
      delivered: { traces: 2 },
      deadLetter: { journal_trimmed: { traces: 3 }, journal_corrupt: { traces: 3 } },
      cursorSeq: 5,
    });
    identity(h.running.stats());
  });

  it("a new destination starts with the oldest record there is; what was trimmed before was never its own", async () => {
    h.feed(["old", "older"], ["a"]);
    h.journal.trimTo(1);
    h.start();
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a"]);
    expect(h.running.stats()).toMatchObject({
      accepted: { traces: 1 },
      delivered: { traces: 1 },
      deadLetter: {},
    });
    await h.running.stop();
    h.start();
    h.feed(["b"]);
    await h.clock.advance(1_000);
    identity(h.running.stats());
    expect(h.running.stats().accepted.traces).toBe(2);
  });

  it("start at the end takes only what comes later, also after a restart", async () => {
    h.feed(["old"]);
    h.start({ startAt: "end" });
    await h.clock.advance(500);
    await h.running.stop();
    h.feed(["a"]);
    h.start({ startAt: "end" });
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a"]);
    identity(h.running.stats());
  });

  it("a replaced journal is read from its beginning, and the counters still add up", async () => {
    h.start();
    h.feed(["a"], ["b"], ["c"]);
    await h.clock.advance(1_000);
    await h.running.stop();
    const next = new EngineHarness(7);
    next.stored = h.stored;
    next.journal.appendSpans(["x"]);
    next.start();
    await next.clock.advance(1_000);
    expect(next.delivered).toEqual(["x"]);
    expect(next.running.stats()).toMatchObject({ accepted: { traces: 4 }, delivered: { traces: 4 } });
    identity(next.running.stats());
    await next.running.stop();
  });

  it("a disk that takes no cursor stops the reading ahead, not the process, and all is well when it does again", async () => {
    let full = true;
    const save = (state: NonNullable<EngineHarness["stored"]>): void => {
      if (full) throw new Error("ENOSPC");
      h.stored = structuredClone(state);
    };
    h.start({ cursor: { load: () => h.stored, save } });
    h.feed(["a"]);
    await h.clock.advance(1_000);
    for (let n = 0; n < 50; n += 1) h.feed([`later-${n}`]);
    await h.clock.advance(5_000);
    expect(h.stored).toBeUndefined();
    expect(h.delivered).toEqual(["a"]);
    expect(h.running.stats().waiting.traces).toBe(50);
    full = false;
    await h.clock.advance(5_000);
    expect(h.delivered).toHaveLength(51);
    expect(h.stored?.seq).toBe(51);
  });

  it("I2: what an exporter could not make durable is not passed by the cursor, and is delivered by the next engine", async () => {
    const lost: string[] = [];
    let failing = true;
    const exporter = h.exporterWith(() =>
      failing ? Promise.reject(new Error("EIO: on fsync")) : Promise.resolve(),
    );
    const engine = h.start({ exporter, onLost: (message) => lost.push(message) });
    h.feed(["a"], ["b"]);
    const flushed = engine.flush(10_000);
    const outcome = expect(flushed).rejects.toMatchObject({ code: "CF_EXPORT_RETRYABLE", retryable: true });
    await h.clock.advance(1_000);
    await outcome;
    expect(lost).toEqual(["what was delivered could not be made durable: EIO: on fsync"]);
    expect(h.stored).toBeUndefined();
    failing = false;
    await h.clock.advance(60_000);
    expect(h.stored, "the old engine must not sync the same file again").toBeUndefined();
    await engine.stop();
    h.start({ exporter });
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a", "b", "a", "b"]);
    expect(h.stored?.seq).toBe(2);
  });

  it("dead letters beyond the stored cursor do not double after a kill", async () => {
    h.answer = () => ({ kind: "rejected", reason: "rejected_422", message: "no" });
    h.start();
    h.feed(["a"]);
    await h.clock.advance(1_000);
    const stored = h.stored;
    h.feed(["b"]);
    await h.clock.advance(1_000);
    h.engine = undefined;
    h.stored = stored;
    h.start();
    await h.clock.advance(1_000);
    expect(deadLetters().map((letter) => letter.name)).toEqual(["a", "b"]);
    expect(h.running.stats().deadLetter).toEqual({
      rejected_422: { traces: 2, logs: 0, metrics: 0, records: 0 },
    });
  });

  it("flush sends at once and rejects at its deadline while the peer is down", async () => {
    h.start();
    h.feed(["a"]);
    const flushed = h.running.flush(5_000);
    await h.clock.advance(0);
    await flushed;
    expect(h.stored?.seq).toBe(1);
    h.answer = () => DOWN;
    h.feed(["b"]);
    const stuck = expect(h.running.flush(5_000)).rejects.toMatchObject({ code: "CF_EXPORT_RETRYABLE" });
    await h.clock.advance(6_000);
    await stuck;
  });

  it("a stop does not wait for a peer that is down; what it has not taken comes after the next start", async () => {
    h.answer = () => DOWN;
    h.start();
    h.feed(["a"]);
    await h.clock.advance(1_000);
    expect(h.running.stats().state).toBe("retrying");
    let drained = false;
    void h.running.drain(600_000).then(() => (drained = true));
    await h.clock.advance(100);
    expect(drained).toBe(true);
    await h.running.stop();
    h.answer = () => ({ kind: "delivered" });
    h.start();
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a"]);
  });

  it("records of signals that the destination does not take are filtered by `signal`", async () => {
    h.start({ signals: new Set(["traces"]) });
    h.journal.append("logs", new Uint8Array([1]), 5);
    // Feedback and the like: no exporter takes them.
    h.journal.append("records", new Uint8Array([1]), 3);
    h.feed(["a"]);
    await h.clock.advance(1_000);
    expect(h.running.stats()).toMatchObject({
      filtered: { signal: { logs: 5, records: 3 } },
      delivered: { traces: 1 },
    });
    identity(h.running.stats());
  });
});
