import { expect, test } from "vitest";
import type { DeadLetter } from "../../exporters/core/dead-letter-file.js";
import { DeadLetterStore } from "../../exporters/core/dead-letters.js";
import { injectedError, type FileOperation, MemoryFileSystem } from "../support/memory-file-system.js";

const dir = "/dead-letters";

function letter(seq: number): DeadLetter {
  const payload = new Uint8Array(60).fill(255);
  return {
    seq,
    signal: "traces",
    items: 1,
    reason: "undecodable",
    message: "",
    timeMs: 0,
    processed: false,
    body: { kind: "bytes", encoding: "identity", payload },
  };
}

function seqs(disk: MemoryFileSystem): number[] {
  return disk.paths().flatMap((path) =>
    disk
      .contentOf(path)
      .toString()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => Number(JSON.parse(line).seq)),
  );
}

/** Stores until the disk takes it, as the engine does. */
async function storeStubbornly(store: DeadLetterStore, letters: readonly DeadLetter[]): Promise<number> {
  for (let failures = 0; ; failures += 1) {
    try {
      await store.store(letters);
      return failures;
    } catch (error) {
      if (failures > 20) throw error;
    }
  }
}

const powerCut = { keptWrites: 0, tornFraction: 0, zeroFill: false, loseNames: true };

test.each(["short", "ENOSPC", "EIO"] as const)(
  "item 52, item 55: whichever operation fails with %s, each dead letter is stored once, whole and durable",
  async (fault) => {
    let failures = 0;
    for (let at = 1; at <= 40; at += 1) {
      const disk = new MemoryFileSystem();
      const store = new DeadLetterStore({ dir, fileSystem: disk, fileBytes: 700 });
      const kinds: FileOperation["kind"][] = [];
      disk.fault = ({ kind }) => {
        kinds.push(kind);
        if (fault === "short") return kind === "writev" ? "short" : undefined;
        // Two in a row: the repair fails as well.
        return disk.operations === at || disk.operations === at + 1 ? injectedError(fault) : undefined;
      };
      store.open(0);
      failures += await storeStubbornly(store, [letter(1), letter(2), letter(2)]);
      failures += await storeStubbornly(store, [letter(3)]);
      failures += await storeStubbornly(store, [letter(4), letter(6), letter(7), letter(8)]);
      const expected = [1, 2, 2, 3, 4, 6, 7, 8];
      expect(seqs(disk), `fault at operation ${at}`).toEqual(expected);
      expect(seqs(disk.afterPowerCut(powerCut)), `power cut after a fault at ${at}`).toEqual(expected);
      await store.close();
    }
    expect(failures > 0).toBe(fault !== "short");
  },
);

test("I2: killed anywhere, what the cursor has passed is there once, and nothing else stays after the next open", async () => {
  for (let at = 1; at <= 40; at += 1) {
    const disk = new MemoryFileSystem();
    disk.diesAtOperation = at;
    const store = new DeadLetterStore({ dir, fileSystem: disk, fileBytes: 700 });
    let passed = 0;
    const work = (async () => {
      store.open(0);
      for (const seq of [1, 2, 3, 4, 5, 6, 7, 8]) {
        await store.store([letter(seq)]);
        passed = seq;
      }
    })();
    await Promise.race([work, disk.death]);
    for (const after of [
      disk.afterKill(),
      disk.afterPowerCut({ ...powerCut, keptWrites: 9, zeroFill: true }),
    ]) {
      const again = new DeadLetterStore({ dir, fileSystem: after, fileBytes: 700 });
      again.open(passed);
      await again.rotate();
      expect(seqs(after), `killed at operation ${at}`).toEqual([1, 2, 3, 4, 5, 6, 7, 8].slice(0, passed));
    }
  }
});
