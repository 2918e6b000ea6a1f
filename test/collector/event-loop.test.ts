import { expect, test } from "vitest";
import { EventLoopWatch } from "../../collector/telemetry/event-loop.js";

test("item 75: a main thread that was held shows as the longest delay, and as a stall", async () => {
  const watch = new EventLoopWatch();
  watch.start();
  // The first probe must have been taken: what was held before it is not seen.
  await expect.poll(() => watch.stats().delayMsMax).toBeGreaterThan(0);
  const before = watch.stats();
  const until = performance.now() + before.delayMsMax + 300;
  while (performance.now() < until);
  await expect.poll(() => watch.stats().delayMsMax).toBeGreaterThan(before.delayMsMax + 200);
  const { delayMsMaxLastMinute, delayMsMax, stalls } = watch.stats();
  expect(delayMsMaxLastMinute).toBe(delayMsMax);
  expect(stalls).toBeGreaterThan(0);
  watch.stop();
});
