import { Worker } from "node:worker_threads";
import { afterEach, describe, expect, it, vi } from "vitest";
import { encodeOtlp } from "../../../schema/index.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";

let harness: MirrorHarness | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await harness?.close();
  harness = undefined;
});

const payload = (n: number): Uint8Array =>
  encodeOtlp("traces", request(span({ traceId: traceId(n), spanId: spanId(n) })));

describe("a sealing thread that ends on its own", () => {
  it("is replaced, and its piece of the journal sealed again", async () => {
    const made: Worker[] = [];
    const post = Worker.prototype.postMessage;
    // Remembers each thread by its first message, and ends the first thread right after it got work.
    vi.spyOn(Worker.prototype, "postMessage").mockImplementation(function (this: Worker, ...args) {
      post.apply(this, args as Parameters<typeof post>);
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
});
