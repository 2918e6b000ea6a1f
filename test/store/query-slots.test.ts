import { expect, test } from "vitest";
import { QUERY_CONCURRENCY_MAX, QUERY_WAITING_MAX } from "../../schema/index.js";
import { takeQuerySlot } from "../../store/query/query-slots.js";

test("I9: only so many queries run, the next one starts when one ends, in order; too many waiting are refused", async () => {
  const held = await Promise.all(Array.from({ length: QUERY_CONCURRENCY_MAX }, () => takeQuerySlot(1_000)));
  await expect(takeQuerySlot(5)).rejects.toMatchObject({ code: "CF_QUERY_LIMIT", retryable: true });
  const started: number[] = [];
  const waiting = Array.from({ length: QUERY_WAITING_MAX }, async (_, at) => {
    const release = await takeQuerySlot(10_000);
    started.push(at);
    release();
  });
  await expect(takeQuerySlot(10_000)).rejects.toMatchObject({ code: "CF_QUERY_LIMIT" });
  expect(started).toEqual([]);
  held[0]?.();
  await Promise.all(waiting);
  expect(started).toEqual([...started.keys()]);
  for (const release of held.slice(1)) release();
  const again = await Promise.all(Array.from({ length: QUERY_CONCURRENCY_MAX }, () => takeQuerySlot(1_000)));
  for (const release of again) release();
});
