import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeOtlp } from "../../../schema/index.js";
import type { SealOrder } from "../../../store/seal/messages.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";

let harness: MirrorHarness | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await harness?.close();
  harness = undefined;
});

/** The real postMessage, for threads that are let through. */
const post = Object.getOwnPropertyDescriptor(Worker.prototype, "postMessage")?.value as (
  this: Worker,
  ...args: unknown[]
) => void;

const payload = (n: number): Uint8Array =>
  encodeOtlp("traces", request(span({ traceId: traceId(n), spanId: spanId(n) })));

describe("a sealing thread that ends on its own", () => {
  it("is replaced, and its piece of the journal sealed again", async () => {
    const made: Worker[] = [];
    // Remembers each thread by its first message, and ends the first thread right after it got work.
    vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...args) {
      Reflect.apply(post, this, args);
      const { type } = args[0] as { type: string };
      if (type !== "seal" || made.length > 0) return;
      made.push(this);
      void this.terminate();
    });
    harness = await MirrorHarness.open({ sealIntervalMs: 10 });
    await harness.append({ payload: payload(1) });
    await harness.append({ payload: payload(2) });
    await harness.mirror.flush(25_000);
    expect(made).toHaveLength(1);
    expect(harness.mirror.stats().requests.failed).toBeGreaterThan(0);
    expect(harness.logs.join("\n")).toMatch(/tried again/);
    expect(await harness.query("SELECT seq::INTEGER FROM spans ORDER BY seq")).toEqual([[1], [2]]);
  });

  it("I2: every time over one record leaves that record as a dead letter and seals all others", async () => {
    const poison = 6;
    // A thread that is given a piece with the record in it ends, unless it is told to give the record up.
    vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...args) {
      const message = args[0] as { type: string; order?: SealOrder };
      const order = message.type === "seal" ? message.order : undefined;
      if (order === undefined || order.giveUp === true) return Reflect.apply(post, this, args);
      const last = Math.min(order.upToSeq, order.afterSeq + (order.recordsMax ?? Infinity));
      if (order.afterSeq < poison && last >= poison) void this.terminate();
      else Reflect.apply(post, this, args);
    });
    harness = await MirrorHarness.open({ start: false });
    for (let n = 1; n <= 9; n++) await harness.append({ payload: payload(n) });
    await harness.mirror.start(harness.journal.tail());
    await harness.mirror.flush(60_000);
    const rows = await harness.query("SELECT seq::INTEGER FROM spans ORDER BY seq");
    expect(rows).toEqual([1, 2, 3, 4, 5, 7, 8, 9].map((seq) => [seq]));
    expect(harness.mirror.stats().deadLetter["undecodable"]?.traces).toBe(1);
  }, 90_000);
});
