import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createBatch, type Outcome } from "../../exporters/core/exporter.js";
import { replayDeadLetters } from "../../exporters/core/replay-dead-letters.js";
import type { Processor } from "../../exporters/processors/index.js";
import { encodeOtlp, type TracesData } from "../../schema/index.js";
import { DEAD_LETTER_DIR, EngineHarness } from "../support/engine-harness.js";
import { spanNamed, spansOf, tracesOf } from "../support/memory-journal.js";

let h: EngineHarness;

beforeEach(() => {
  h = new EngineHarness();
});

afterEach(async () => {
  await h.engine?.stop();
});

/** Takes spans named `secret*` out as failed; throws on `bomb`. */
function guard(): Processor {
  return {
    id: "guard",
    process: (_signal, data) => {
      const traces = data as TracesData;
      const spans = spansOf(traces);
      if (spans.some((span) => span.name === "bomb")) throw new Error("out of order");
      const secret = spans.filter((span) => span.name.startsWith("secret"));
      const kept = tracesOf(spans.filter((span) => !secret.includes(span)));
      return {
        data: (kept.resourceSpans[0]?.scopeSpans[0]?.spans.length === 0
          ? { resourceSpans: [] }
          : kept) as typeof data,
        filtered: {},
        failed: secret.map((span) => ({
          reason: "redaction_error",
          message: "too slow",
          data: tracesOf([span]) as typeof data,
        })),
      };
    },
  };
}

describe("what comes out of the journal", () => {
  it("a record that can't be decoded becomes a dead letter with its bytes, and stops nothing", async () => {
    h.start({ processors: [guard()] });
    h.journal.append("traces", new Uint8Array([0xff, 0xff]), 3);
    h.feed(["a"]);
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a"]);
    expect(h.running.stats().deadLetter).toMatchObject({ undecodable: { traces: 3 } });
    expect(h.deadLetters()).toMatchObject([
      { seq: 1, items: 3, encoding: "identity", payload_base64: "//8=" },
    ]);
  });

  it("a record with other than its stated number of items is accounted for exactly", async () => {
    h.start({ processors: [guard()] });
    h.journal.append("traces", encodeOtlp("traces", tracesOf([spanNamed("a")])), 3);
    h.feed([]);
    h.running.notify(h.journal.tail());
    await h.clock.advance(1_000);
    const stats = h.running.stats();
    expect(stats).toMatchObject({
      accepted: { traces: 3 },
      delivered: { traces: 1 },
      waiting: { traces: 0 },
    });
    expect(stats.deadLetter).toMatchObject({ count_mismatch: { traces: 2 } });
  });

  it("I7: what a processor fails on is set aside and never sent, not even by a replay", async () => {
    h.start({ processors: [guard()] });
    h.feed(["a", "secret-1"], ["bomb", "b"], ["c"]);
    await h.clock.advance(1_000);
    expect(h.delivered).toEqual(["a", "c"]);
    expect(h.running.stats().deadLetter).toMatchObject({
      redaction_error: { traces: 1 },
      processor_failed: { traces: 2 },
    });
    expect(h.deadLetters()).toMatchObject([
      { reason: "redaction_error", processed: false },
      { reason: "processor_failed", processed: false, message: "out of order" },
    ]);
    await h.running.stop();
    const replay = (processors: Processor[], outcome: Outcome): ReturnType<typeof replayDeadLetters> =>
      replayDeadLetters({
        dir: DEAD_LETTER_DIR,
        fileSystem: h.disk,
        exporter: {
          wants: "data",
          send: (batch) => {
            h.received.push([String(createBatch("traces", batch.parts).itemCount)]);
            return Promise.resolve(outcome);
          },
          close: () => Promise.resolve(),
        },
        processors,
        abort: new AbortController().signal,
      });
    expect(await replay([guard()], { kind: "delivered" })).toEqual({ files: 1, delivered: 0, kept: 2 });
    expect(h.delivered).toEqual(["a", "c"]);
    // The peer is down: everything stays, and the second letter is not even tried.
    expect(await replay([], { kind: "retry", message: "down" })).toEqual({ files: 1, delivered: 0, kept: 2 });
    expect(h.delivered).toEqual(["a", "c", "1"]);
    expect(await replay([], { kind: "delivered" })).toEqual({ files: 1, delivered: 2, kept: 0 });
  });

  it("an exporter that throws on one span loses that span to the dead letters and no other", async () => {
    h.answer = (names) => {
      if (names.includes("bug")) throw new Error("cannot read undefined");
      return { kind: "delivered" };
    };
    h.start();
    h.feed(["a", "bug", "b", "c"]);
    await h.clock.advance(1_000);
    expect(h.delivered.toSorted()).toEqual(["a", "b", "c"]);
    expect(h.deadLetters()).toMatchObject([{ reason: "export_failed", message: "cannot read undefined" }]);
  });
});
