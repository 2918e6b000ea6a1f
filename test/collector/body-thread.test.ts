import { expect, test } from "vitest";
import { BodyThread } from "../../collector/ingest/body-thread.js";
import { readBody, readBodyInline, type BodyOrder } from "../../collector/ingest/read-body.js";
import { decodeOtlp, JSON_INLINE_BYTES_MAX, SCAN_INLINE_STEPS_MAX } from "../../schema/index.js";
import { post, startHarness, tracesBody } from "./harness.js";

const MIB = 1024 * 1024;

function tracesJson(spans: number): Buffer {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    name: "x".repeat(1_000),
  };
  return Buffer.from(
    JSON.stringify({
      resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: spans }, () => span) }] }],
    }),
  );
}

function order(bytes: Uint8Array, format: BodyOrder["format"] = "protobuf"): BodyOrder {
  return { signal: "traces", format, zstd: false, bytes, bytesMax: 64 * MIB };
}

/** A request of spans that are only their ids: the most to scan in the fewest bytes. */
function manySpans(spans: number, more: { spanId?: string } = {}): Uint8Array {
  const one = Buffer.from(tracesBody(1, { name: "", startTimeUnixNano: 0n, endTimeUnixNano: 0n, ...more }));
  // Tag and length of resource, scope and span stand in front of each other.
  const span = one.subarray(one.indexOf(0x12, 3));
  const spansBytes = Buffer.concat(Array.from({ length: spans }, () => span));
  return field(1, field(2, spansBytes));
}

function field(number: number, content: Buffer): Buffer {
  const head = [number * 8 + 2];
  let size = content.length;
  for (; size > 127; size = Math.floor(size / 128)) head.push((size & 127) | 128);
  return Buffer.concat([Buffer.from([...head, size]), content]);
}

/** Longest stretch for which the event loop did not turn while something was done, milliseconds. */
async function longestHold(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let working = true;
  const turn = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (working) setImmediate(turn);
  };
  turn();
  await work;
  working = false;
  return longest;
}

test("item 75: a large OTLP/JSON body is read while the event loop goes on turning", async () => {
  const body = tracesJson(15_000);
  expect(body.length).toBeGreaterThan(JSON_INLINE_BYTES_MAX);
  expect(readBodyInline(order(body, "json"))).toBeUndefined();
  const started = performance.now();
  expect(readBody(order(body, "json")).itemCount).toBe(15_000);
  const inline = performance.now() - started;
  const work = new BodyThread().read(order(body, "json"));
  expect(await longestHold(work)).toBeLessThan(inline / 3);
  const { body: wire, itemCount, unchanged } = await work;
  expect([itemCount, unchanged]).toEqual([15_000, false]);
  expect(decodeOtlp("traces", wire).resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(15_000);
});

test("item 75: a protobuf body of very many fields holds the event loop for a small part of the time that it takes", async () => {
  const body = manySpans(600_000, { spanId: "01" });
  const good = manySpans(1);
  const mixed = Buffer.concat([body, good]);
  const started = performance.now();
  expect(readBody(order(mixed))).toMatchObject({ itemCount: 1, rejected: 600_000, unchanged: false });
  const whole = performance.now() - started;
  const firstTry = performance.now();
  expect(readBodyInline(order(mixed))).toBeUndefined();
  // It is given up early, whatever its size.
  expect(performance.now() - firstTry).toBeLessThan(whole / 2);
  const work = new BodyThread().read(order(mixed));
  expect(await longestHold(work)).toBeLessThan(whole / 3);
  const read = await work;
  expect(read).toMatchObject({ itemCount: 1, rejected: 600_000 });
  expect(decodeOtlp("traces", read.body).resourceSpans[1]?.scopeSpans[0]?.spans).toHaveLength(1);
});

test("the two ways to read a body agree, and an unchanged one keeps its bytes", async () => {
  const harness = await startHarness({ http: { bodyBytesMax: 64 * MIB } });
  const body = manySpans(SCAN_INLINE_STEPS_MAX / 2 + 1_000);
  expect(readBodyInline(order(body))).toBeUndefined();
  expect((await post(harness, body)).status).toBe(200);
  const small = tracesBody(3);
  expect((await post(harness, small)).status).toBe(200);
  const stored = harness.stored();
  expect(stored.map(({ itemCount }) => itemCount)).toEqual([SCAN_INLINE_STEPS_MAX / 2 + 1_000, 3]);
  expect(Buffer.from(stored[0]?.payload ?? []).equals(body)).toBe(true);
  expect(Buffer.from(stored[1]?.payload ?? []).equals(small)).toBe(true);
  await harness.close();
});

test("errors come back with their code, and the thread goes on with the next body", async () => {
  const thread = new BodyThread();
  const broken = Buffer.concat([tracesJson(1_000).subarray(0, -1), Buffer.from("!")]);
  const answers = await Promise.allSettled([
    thread.read(order(broken, "json")),
    thread.read(order(tracesJson(500), "json")),
    thread.read(order(Buffer.from(manySpans(10, { spanId: "01" })))),
  ]);
  expect(answers).toMatchObject([
    { status: "rejected", reason: { code: "CF_OTLP_MALFORMED" } },
    { status: "fulfilled", value: { itemCount: 500 } },
    {
      status: "rejected",
      reason: { code: "CF_OTLP_MALFORMED", message: expect.stringContaining("10 span") },
    },
  ]);
});

test("a body that takes all its memory or time is refused as retryable, alone: those behind it are read", async () => {
  const spans = `${"{},".repeat(6_500_000)}{}`;
  const bomb = Buffer.from(`{"resourceSpans":[{"scopeSpans":[{"spans":[${spans}]}]}]}`);
  const thread = new BodyThread({ timeoutMs: 40_000 });
  const answers = await Promise.allSettled([
    thread.read(order(bomb, "json")),
    thread.read(order(tracesJson(200), "json")),
  ]);
  expect(answers).toMatchObject([
    { status: "rejected", reason: { code: "CF_OVERLOADED", retryable: true } },
    { status: "fulfilled", value: { itemCount: 200 } },
  ]);
});
