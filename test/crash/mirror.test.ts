import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { MirrorHarness } from "../support/mirror-harness.js";

const child = fileURLToPath(new URL("./mirror-writer.child.mjs", import.meta.url));
const ROUNDS = 5;

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "counterfoil-mirror-crash-"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }));

/** Runs a journal with its mirror and kills the process a moment after its `commits`-th commit. */
async function killedAfter(commits: number, delayMs: number): Promise<{ acked: number; sealed: number }> {
  const process = spawn(globalThis.process.execPath, [child, dir], { stdio: ["ignore", "pipe", "inherit"] });
  let last = { acked: 0, sealed: 0 };
  let seen = 0;
  for await (const line of createInterface({ input: process.stdout })) {
    const [acked, sealed] = line.split(" ").map(Number);
    last = { acked: acked ?? 0, sealed: sealed ?? 0 };
    if (++seen === commits) setTimeout(() => process.kill("SIGKILL"), delayMs);
  }
  return last;
}

it("I3: a process killed with SIGKILL while it seals leaves every acknowledged span in the mirror exactly once", async () => {
  let last = { acked: 0, sealed: 0 };
  for (let round = 1; round <= ROUNDS; round++) {
    last = await killedAfter(1 + Math.floor(Math.random() * 6), Math.random() * 40);
    expect(last.sealed).toBeGreaterThan(0);
  }
  const harness = await MirrorHarness.open({ dir });
  await harness.mirror.flush(30_000);
  const { seq } = harness.journal.tail();
  expect(seq).toBeGreaterThanOrEqual(last.acked);
  const counted = await harness.query(
    "SELECT count(*)::INTEGER, count(DISTINCT seq)::INTEGER, count(DISTINCT trace_id)::INTEGER, min(seq)::INTEGER, max(seq)::INTEGER FROM spans",
  );
  expect(counted).toEqual([[seq, seq, seq, 1, seq]]);
  await harness.close({ keep: true });
}, 120_000);
