import { Socket } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { connectionsPossible, openFilesMax } from "../../collector/open-files.js";
import { BodyBuffers } from "../../collector/receivers/otlp/body-buffers.js";
import { inTurns } from "../../collector/receivers/otlp/in-turns.js";
import { OPEN_FILES_RESERVED } from "../../schema/index.js";

afterEach(() => vi.useRealTimers());

test("item 14: connections leave enough open files for journal and mirror, whatever the system allows", () => {
  for (const filesMax of [64, 256, 1_024, 4_096, 20_000, 1_048_576]) {
    for (const listeners of [1, 2]) {
      const each = connectionsPossible(filesMax, listeners);
      expect(each).toBeGreaterThan(0);
      expect(filesMax - each * listeners).toBeGreaterThanOrEqual(Math.min(OPEN_FILES_RESERVED, filesMax / 2));
    }
  }
  // Where the system does not tell, only max_connections holds.
  expect(connectionsPossible(undefined, 2)).toBe(Infinity);
});

test.runIf(process.platform === "linux")("the system's limit on open files is known", () => {
  expect(openFilesMax()).toBeGreaterThan(63);
});

test("item 75: sockets of a burst are handled in order, in turns that let others go between", async () => {
  const sockets = Array.from({ length: 40 }, () => new Socket());
  sockets[3]?.destroy();
  const handled: Socket[] = [];
  let turns = 0;
  let counting = true;
  const count = (): void => {
    turns++;
    if (counting) setImmediate(count);
  };
  setImmediate(count);
  await new Promise<void>((resolve) => {
    const add = inTurns((socket) => {
      const until = performance.now() + 2;
      while (performance.now() < until);
      if (handled.push(socket) === 39) resolve();
    });
    for (const socket of sockets) add(socket);
    expect(handled).toEqual([]);
  });
  counting = false;
  expect(handled).toEqual(sockets.filter((_, index) => index !== 3));
  // 78 ms of work, of which a turn takes ten: a slow machine makes more turns of it, not fewer.
  expect(turns).toBeGreaterThan(4);
});

test("memory of request bodies that no request needed for a while is given back", () => {
  vi.useFakeTimers();
  const buffers = new BodyBuffers();
  const taken = Array.from({ length: 10 }, () => buffers.take(1024 * 1024));
  for (const each of taken) buffers.give(each);
  expect(buffers.idleBytes).toBe(10 * 1024 * 1024);
  vi.advanceTimersByTime(10_000);
  // Three are in use again and again; the others are not.
  for (let round = 0; round < 3; round++) {
    const some = Array.from({ length: 3 }, () => buffers.take(1024 * 1024));
    for (const each of some) buffers.give(each);
    vi.advanceTimersByTime(10_000);
  }
  expect(buffers.idleBytes).toBe(3 * 1024 * 1024);
  vi.advanceTimersByTime(20_000);
  expect(buffers.idleBytes).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});
