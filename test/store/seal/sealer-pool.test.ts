import { describe, expect, it, vi } from "vitest";
import { dataDirPaths } from "../../../store/index.js";
import { SealerPool } from "../../../store/seal/sealer-pool.js";
import type { SealerPort } from "../../../store/seal/sealer-port.js";

/** A pool over sealers that do nothing but count, and the promise of its first rest. */
function countingPool(workers: number) {
  const running = new Set<SealerPort>();
  let started = 0;
  let rested = (): void => undefined;
  const rest = new Promise<void>((resolve) => {
    rested = resolve;
  });
  const pool = new SealerPool({
    paths: dataDirPaths("nowhere"),
    workers,
    idleMs: 1,
    onLog: () => undefined,
    onRested: () => rested(),
    startSealer: () => {
      started++;
      const sealer: SealerPort = {
        filler: "none",
        get alive() {
          return running.has(sealer);
        },
        seal: () => Promise.reject(new Error("not asked for")),
        writeWinners: () => Promise.reject(new Error("not asked for")),
        recentIds: () => Promise.reject(new Error("not asked for")),
        stop: () => {
          running.delete(sealer);
          return Promise.resolve();
        },
      };
      running.add(sealer);
      return Promise.resolve(sealer);
    },
  });
  return { pool, running, rest, started: () => started };
}

const work = (pool: SealerPool, calls: number) =>
  Promise.all(Array.from({ length: calls }, () => pool.use(() => Promise.resolve())));

describe("the sealing threads after a load", () => {
  it("are ended, and one starts again when work is coming", async () => {
    const { pool, running, rest, started } = countingPool(2);
    await work(pool, 20);
    expect(running.size).toBe(2);
    await rest;
    expect(running.size).toBe(0);
    pool.warm();
    pool.warm();
    while (running.size === 0) await Promise.resolve();
    expect([started(), running.size]).toEqual([3, 1]);
    await pool.stop(100);
    expect(running.size).toBe(0);
  });

  it("end with the pool, also one that is just starting, and none starts after that", async () => {
    const { pool, running, started } = countingPool(1);
    const begun = pool.start();
    while (started() === 0) await Promise.resolve();
    const waited = expect(pool.start()).rejects.toMatchObject({ code: "CF_SEAL_FAILED" });
    await pool.stop(100);
    await Promise.all([begun, waited]);
    await expect(pool.start()).rejects.toMatchObject({ code: "CF_SEAL_FAILED" });
    expect(running.size).toBe(0);
    expect(started()).toBe(1);
  });

  it("stay when they had little to do", async () => {
    vi.useFakeTimers();
    const { pool, started } = countingPool(1);
    await work(pool, 3);
    await vi.advanceTimersByTimeAsync(60_000);
    await work(pool, 1);
    expect(started()).toBe(1);
    await pool.stop(100);
    vi.useRealTimers();
  });
});
