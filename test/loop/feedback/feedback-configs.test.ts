import { afterEach, expect, test, vi } from "vitest";
import { FeedbackConfigCache } from "../../../loop/index.js";
import { FEEDBACK_CONFIG_WAIT_MS, FEEDBACK_CONFIGS, type StoredChange } from "../../../schema/index.js";

afterEach(() => {
  vi.useRealTimers();
});

function change(id: string, op: "put" | "delete", key?: string): StoredChange {
  const data = key === undefined ? undefined : { feedback_key: key, feedback_config: { type: "freeform" } };
  return {
    type: FEEDBACK_CONFIGS.type,
    id,
    op,
    time: "2026-11-23T10:00:00Z",
    source: "api",
    data,
    more: undefined,
  };
}

test("I2: feedback is not held up by a mirror that does not answer, or fails", async () => {
  vi.useFakeTimers();
  const stuck = new FeedbackConfigCache(() => new Promise(() => undefined));
  const waiting = stuck.byKeySoon();
  await vi.advanceTimersByTimeAsync(FEEDBACK_CONFIG_WAIT_MS);
  expect((await waiting).size).toBe(0);
  const broken = new FeedbackConfigCache(() => Promise.reject(new Error("no mirror")));
  expect((await broken.byKeySoon()).size).toBe(0);
  await expect(broken.byKey()).rejects.toThrow("no mirror");
});

test("configs are read once, and follow what is written after that", async () => {
  let readings = 0;
  const cache = new FeedbackConfigCache(async () => {
    readings++;
    const data = JSON.stringify({ feedback_key: "a", feedback_config: { type: "freeform" } });
    return [{ id: "1", feedback_key: "a", data, last_op: "put", modified_at: "" }];
  });
  cache.apply([change("0", "put", "before it is read")]);
  const keys = async () => [...(await cache.byKeySoon()).keys()];
  expect(await keys()).toEqual(["a"]);
  cache.apply([change("2", "put", "b"), { ...change("3", "put", "c"), type: "feedback" }]);
  expect(await keys()).toEqual(["a", "b"]);
  cache.apply([change("1", "delete")]);
  expect([await keys(), readings]).toEqual([["b"], 1]);
});
