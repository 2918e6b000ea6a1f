import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import { DeadLetterStore } from "../../exporters/core/dead-letters.js";

test("I9: at its bound the store removes its oldest file, keeps the newest, and says which it removed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "counterfoil-dead-letters-"));
  const removed: string[] = [];
  const store = new DeadLetterStore({
    dir,
    fileBytes: 1_000,
    bytesMax: 3_000,
    onRemoved: (path) => removed.push(basename(path)),
  });
  for (let seq = 1; seq <= 8; seq++) {
    const payload = new Uint8Array(600).fill(255);
    await store.store([
      {
        seq,
        signal: "traces",
        items: 1,
        reason: "undecodable",
        message: "",
        timeMs: 0,
        processed: false,
        body: { kind: "bytes", encoding: "identity", payload },
      },
    ]);
  }
  await store.close();
  const kept = readdirSync(dir).sort();
  expect(kept.at(-1)).toBe("0000000000000008.jsonl");
  expect(removed[0]).toBe("0000000000000001.jsonl");
  expect([...removed, ...kept]).toEqual(
    Array.from({ length: 8 }, (_, index) => `${String(index + 1).padStart(16, "0")}.jsonl`),
  );
  rmSync(dir, { recursive: true });
});
