import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openJournal, openJournalReader } from "../../journal/index.js";
import { idOf, readAll } from "../journal/entries.js";

const child = fileURLToPath(new URL("./journal-writer.child.mjs", import.meta.url));
const ROUNDS = 10;
const ACKS_MAX = 1_500;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "journal-crash-"));
});
afterEach(() => rm(dir, { recursive: true }));

/** Runs a writer, kills it after `acksBeforeKill` acknowledgements, and returns all that it acknowledged. */
async function killedWriter(round: number, acksBeforeKill: number): Promise<Map<number, string>> {
  const acked = new Map<number, string>();
  const process = spawn(globalThis.process.execPath, [child, dir, String(round)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: process.stdout })) {
    const [seq, id] = line.split(" ");
    // A line is written in one piece far below PIPE_BUF, so the kill can't cut it.
    if (id?.startsWith(`${round}-`)) acked.set(Number(seq), id);
    if (acked.size === acksBeforeKill) process.kill("SIGKILL");
  }
  return acked;
}

test("I1: a writer killed with SIGKILL at any moment loses nothing acknowledged, 10 times over one journal", async () => {
  const acked = new Map<number, string>();
  for (let round = 1; round <= ROUNDS; round++) {
    const kill = 1 + Math.floor(Math.random() * ACKS_MAX);
    const before = acked.size;
    for (const [seq, id] of await killedWriter(round, kill)) {
      expect(acked.has(seq), `round ${round}: seq ${seq} was given out twice`).toBe(false);
      acked.set(seq, id);
    }
    expect(acked.size - before).toBeGreaterThanOrEqual(kill);
  }
  const journal = await openJournal({ dir });
  const { seq, counts } = journal.tail();
  const { records, gaps } = readAll(openJournalReader({ dir, afterSeq: 0 }), seq, 1 << 20);
  await journal.close();
  expect(gaps).toEqual([]);
  expect(records).toHaveLength(seq);
  expect(counts.traces).toBe(seq);
  const found = new Map(records.map((record) => [record.seq, idOf(record)]));
  const lost = [...acked].filter(([at, id]) => found.get(at) !== id);
  expect(lost).toEqual([]);
  expect(new Set(found.values()).size).toBe(records.length);
});
