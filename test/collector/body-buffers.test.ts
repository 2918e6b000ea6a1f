import { expect, test } from "vitest";
import { BodyBuffers } from "../../collector/receivers/otlp/body-buffers.js";
import { BODY_BUFFERS_IDLE_BYTES_MAX } from "../../schema/index.js";
import { post, startHarness, tracesBody } from "./harness.js";

const MIB = 1024 * 1024;

test("a body's memory serves the next request of its size, and is exactly as long as asked", () => {
  const buffers = new BodyBuffers();
  const first = buffers.take(MIB - 5);
  expect(first.length).toBe(MIB - 5);
  buffers.give(first);
  const second = buffers.take(MIB - 9);
  expect([second.buffer === first.buffer, second.length]).toEqual([true, MIB - 9]);
  // Taken: nobody else gets it.
  expect(buffers.take(MIB - 9).buffer === first.buffer).toBe(false);
});

test("I9: no more than its bound is kept, and foreign or small buffers are not kept at all", () => {
  const buffers = new BodyBuffers();
  const many = Array.from({ length: BODY_BUFFERS_IDLE_BYTES_MAX / MIB + 5 }, () => buffers.take(MIB));
  for (const each of many) buffers.give(each);
  const memories = new Set(many.map((each) => each.buffer));
  const again = Array.from({ length: many.length }, () => buffers.take(MIB).buffer);
  expect(again.filter((memory) => memories.has(memory))).toHaveLength(BODY_BUFFERS_IDLE_BYTES_MAX / MIB);
  const small = buffers.take(100);
  buffers.give(small);
  expect(buffers.take(100).buffer === small.buffer).toBe(false);
  const slice = new Uint8Array(new ArrayBuffer(2 * MIB), MIB, 10);
  buffers.give(slice);
  expect(buffers.take(2 * MIB).buffer === slice.buffer).toBe(false);
});

test("I1: what the journal is still writing is never overwritten by later requests", async () => {
  const held: (() => void)[] = [];
  const harness = await startHarness({
    wrap: (journal) => ({
      append: async (entry) => {
        const before = Buffer.from(entry.payload).toString("base64");
        // Held until three more have come in, as a slow disk would; what was released before gave its memory back.
        await new Promise<void>((release) => {
          held.push(release);
          if (held.length > 3) held[held.length - 4]?.();
        });
        expect(Buffer.from(entry.payload).toString("base64") === before).toBe(true);
        return journal.append(entry);
      },
    }),
  });
  const requests = Array.from({ length: 24 }, (_, index) =>
    tracesBody(1, {
      attributes: [{ key: "fill", value: { stringValue: String(index % 10).repeat(100_000) } }],
    }),
  );
  const answers: Promise<number>[] = [];
  for (const [index, body] of requests.entries()) {
    answers.push(post(harness, body).then((answer) => answer.status));
    while (held.length <= index) await new Promise((resolve) => setImmediate(resolve));
  }
  for (const release of held) release();
  expect(new Set(await Promise.all(answers))).toEqual(new Set([200]));
  const stored = harness.stored().map(({ payload }) => Buffer.from(payload).toString("base64"));
  expect(stored.toSorted()).toEqual(requests.map((body) => Buffer.from(body).toString("base64")).toSorted());
  await harness.close();
});
