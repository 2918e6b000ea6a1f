import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { otelToRunId } from "../../exporters/langsmith/ids.js";
import { spanToRun } from "../../exporters/langsmith/run.js";
import { TraceGatherer } from "../../exporters/langsmith/trace-gatherer.js";
import { TraceTree } from "../../exporters/langsmith/trace-tree.js";
import { encodeOtlp, type Span } from "../../schema/index.js";
import { EngineHarness } from "../support/engine-harness.js";
import { spanNamed, tracesOf } from "../support/memory-journal.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const ROOT_ID = "0af76519-16cd-43dd-8448-eb211c80319c";
const START = 1_795_417_903_000_000_000n;

function span(id: number, parent: number | undefined, startMs: number, name = `s${id}`): Span {
  const hex = (n: number): string => n.toString(16).padStart(16, "0");
  return spanNamed(name, {
    traceId: TRACE,
    spanId: hex(id),
    parentSpanId: parent === undefined ? "" : hex(parent),
    startTimeUnixNano: START + BigInt(startMs) * 1_000_000n,
  });
}

function idsOf(order: string): string[] {
  return order.split(".").map((segment) => segment.slice(-36));
}

describe("run ids", () => {
  it("I6: are computed from trace and span id; the root's is the trace's", () => {
    expect(otelToRunId(TRACE, "b7ad6b7169203331", true)).toBe(ROOT_ID);
    expect(otelToRunId(TRACE, "b7ad6b7169203331", false)).toBe("00000000-0000-0000-b7ad-6b7169203331");
  });
});

describe("placing runs in their trace", () => {
  it("orders name every ancestor, and sorting them as text is depth-first order", () => {
    const tree = new TraceTree();
    const spans = [span(1, undefined, 0), span(2, 1, 10), span(3, 2, 20), span(4, 1, 30)];
    for (const each of spans.toReversed()) tree.learn(each);
    const places = spans.map((each) => tree.place(each));
    expect(places.map((place) => idsOf(place.dottedOrder).length)).toEqual([1, 2, 3, 2]);
    expect(places[2]?.dottedOrder).toBe(
      `20261123T071143000000Z${ROOT_ID}.20261123T071143010000Z00000000-0000-0000-0000-000000000002` +
        ".20261123T071143020000Z00000000-0000-0000-0000-000000000003",
    );
    const orders = places.map((place) => place.dottedOrder);
    expect(orders.toSorted()).toEqual(orders);
    expect(places[1]).toMatchObject({ parentRunId: ROOT_ID, traceRunId: ROOT_ID });
  });

  it("an orphan keeps its parent's id; what was said about ancestors stays when they come later", () => {
    const tree = new TraceTree();
    const child = span(3, 2, 20);
    tree.learn(child);
    const orphan = tree.place(child);
    expect(idsOf(orphan.dottedOrder)).toEqual([
      ROOT_ID,
      "00000000-0000-0000-0000-000000000002",
      "00000000-0000-0000-0000-000000000003",
    ]);
    expect(orphan.parentRunId).toBe("00000000-0000-0000-0000-000000000002");
    const root = span(1, undefined, 0);
    const parent = span(2, 1, 10);
    tree.learn(root);
    tree.learn(parent);
    expect(orphan.dottedOrder.startsWith(`${tree.place(parent).dottedOrder}.`)).toBe(true);
    expect(tree.place(parent).dottedOrder.startsWith(`${tree.place(root).dottedOrder}.`)).toBe(true);
    expect(tree.place(child)).toEqual(orphan);
  });

  it("parents that form a circle end, and memory is bounded", () => {
    const tree = new TraceTree(10);
    const circle = [span(1, 2, 0), span(2, 1, 0)];
    for (const each of circle) tree.learn(each);
    expect(idsOf(tree.place(span(1, 2, 0)).dottedOrder)[0]).toBe(ROOT_ID);
    for (let n = 0; n < 100; n += 1) tree.learn(spanNamed(`other ${n}`));
    expect(tree.hasRoot(TRACE)).toBe(false);
  });

  it("ids that the span itself gives win", () => {
    const tree = new TraceTree();
    const given = "019a0000-0000-7000-8000-000000000001";
    const own = {
      ...span(5, undefined, 0),
      attributes: [
        { key: "langsmith.span.id", value: { stringValue: given } },
        { key: "langsmith.trace.id", value: { stringValue: given } },
      ],
    };
    const run = spanToRun(own, undefined, undefined, { place: tree.place(own), project: "p" });
    expect(run).toMatchObject({ id: given, trace_id: given, session_name: "p" });
    expect(idsOf(run.dotted_order)).toEqual([given]);
  });
});

describe("holding traces until they are whole", () => {
  const options = { traceWaitMs: 10_000, orphanWaitMs: 60_000, spansMax: 50, itemsMax: 100, bytesMax: 1e6 };
  let h: EngineHarness;

  beforeEach(() => {
    h = new EngineHarness();
  });

  afterEach(async () => {
    await h.engine?.stop();
  });

  function start(): void {
    h.start({ gatherer: new TraceGatherer(new TraceTree(), options) });
  }

  function feed(...spans: Span[]): void {
    h.journal.append("traces", encodeOtlp("traces", tracesOf(spans)), spans.length);
    h.running.notify(h.journal.tail());
  }

  it("waits for the root and a quiet time; the cursor does not pass spans that were not sent", async () => {
    start();
    feed(span(2, 1, 10), span(3, 2, 20));
    await h.clock.advance(15_000);
    expect(h.received).toEqual([]);
    feed(span(1, undefined, 0));
    await h.clock.advance(9_000);
    expect(h.stored?.seq ?? 0).toBe(0);
    expect(h.running.stats().waiting.traces).toBe(3);
    await h.clock.advance(2_000);
    expect(h.received).toEqual([["s2", "s3", "s1"]]);
    expect(h.stored?.seq).toBe(2);
  });

  it("sends a late child after the same quiet time, and orphans after their longer wait", async () => {
    start();
    feed(span(1, undefined, 0));
    await h.clock.advance(11_000);
    feed(span(2, 1, 10));
    await h.clock.advance(11_000);
    expect(h.delivered).toEqual(["s1", "s2"]);
    feed({ ...span(3, 2, 0), traceId: "1".repeat(32) });
    await h.clock.advance(50_000);
    expect(h.delivered).toHaveLength(2);
    await h.clock.advance(11_000);
    expect(h.delivered).toEqual(["s1", "s2", "s3"]);
  });

  it("I9: holds no more spans than its bound; the oldest traces go first", async () => {
    start();
    for (let trace = 0; trace < 8; trace += 1) {
      const traceId = (trace + 1).toString(16).padStart(32, "0");
      feed(...Array.from({ length: 10 }, (_, n) => ({ ...span(n + 2, 1, n, `t${trace}-${n}`), traceId })));
    }
    await h.clock.advance(100);
    expect(h.delivered).toHaveLength(30);
    expect(new Set(h.delivered.map((name) => name.slice(0, 2)))).toEqual(new Set(["t0", "t1", "t2"]));
    expect(h.running.stats().waiting.traces).toBe(50);
  });

  it("a shutdown sends whole traces at once and leaves the others in the journal, to be sent whole later", async () => {
    start();
    const other = "2".repeat(32);
    feed(span(2, 1, 10));
    feed({ ...span(5, undefined, 0, "whole"), traceId: other });
    const drained = h.running.drain(5_000);
    await h.clock.advance(0);
    await drained;
    await h.running.stop();
    expect(h.delivered).toEqual(["whole"]);
    expect(h.stored?.seq ?? 0).toBe(0);
    start();
    feed(span(1, undefined, 0));
    await h.clock.advance(11_000);
    expect(h.delivered.toSorted()).toEqual(["s1", "s2", "whole", "whole"]);
    expect(h.running.stats()).toMatchObject({
      accepted: { traces: 3 },
      delivered: { traces: 3 },
      waiting: { traces: 0 },
    });
  });

  it("flush does not wait for roots", async () => {
    start();
    feed(span(2, 1, 10));
    const flushed = h.running.flush(1_000);
    await h.clock.advance(0);
    await flushed;
    expect(h.delivered).toEqual(["s2"]);
  });
});
