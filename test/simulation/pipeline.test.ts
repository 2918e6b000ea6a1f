import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { sumTotals } from "../../exporters/core/counts.js";
import { addCounts } from "../../journal/index.js";
import { completeLines } from "../../exporters/core/dead-letter-file.js";
import type { DestinationStats } from "../../exporters/types.js";
import { fakeTime, realTime } from "../support/fake-time.js";
import type { MemoryFileSystem } from "../support/memory-file-system.js";
import { namesInLetter } from "../support/pipeline-invariants.js";
import { deadLetterDir, PATHS, type PipelineLife } from "../support/pipeline-world.js";
import { Simulation, type SimulationOutcome } from "../support/simulation.js";
import { countingRows, decodeRows, sha256, type StandInRow } from "../support/stand-in-files.js";

/*
 * SIMULATION_SEED=<n> runs one seed again; SIMULATION_SEEDS=<count> runs that many, from SIMULATION_FIRST on.
 */
const STEPS = 120;
const only = process.env["SIMULATION_SEED"];
const first = Number(only ?? process.env["SIMULATION_FIRST"] ?? 1);
const count = only === undefined ? Number(process.env["SIMULATION_SEEDS"] ?? 12) : 1;

beforeEach(fakeTime);
afterEach(realTime);

/** I2, at any moment, for every destination. */
function expectIdentity(life: PipelineLife): void {
  const accepted = life.journal.tail().counts;
  for (const stats of life.stats()) {
    const settled = sumTotals({
      delivered: { ...stats.delivered },
      filtered: { ...stats.filtered },
      deadLetter: { ...stats.deadLetter },
    });
    expect(addCounts(settled, stats.waiting), `the account of ${stats.name}`).toEqual(stats.accepted);
    // Told of the journal's growth in another turn of the event loop, so it may be a little behind.
    expect(stats.accepted.traces, `what ${stats.name} knows of`).toBeLessThanOrEqual(accepted.traces);
  }
  const { bytes, bytesMax, pendingBytes } = life.journal.stats();
  expect(bytes, "I9: the journal is over its cap").toBeLessThanOrEqual(bytesMax);
  expect(pendingBytes, "I9: too much waits for the disk").toBeLessThanOrEqual(bytesMax);
}

function visibleRows(disk: MemoryFileSystem, life: PipelineLife): readonly StandInRow[] {
  const rows: StandInRow[] = [];
  const superseded: StandInRow[] = [];
  for (const file of life.catalog.snapshot().files) {
    const bytes = disk.contentOf(join(PATHS.mirror, file.path));
    expect(sha256(bytes), file.path).toBe(file.sha256);
    (file.table === "spans" ? rows : superseded).push(...decodeRows(bytes));
  }
  return countingRows(rows, superseded);
}

function letterLines(disk: MemoryFileSystem, name: string): string[] {
  return disk
    .paths()
    .filter((path) => path.startsWith(`${deadLetterDir(name)}/`) && path.endsWith(".jsonl"))
    .flatMap((path) => completeLines(disk.contentOf(path)));
}

function total(counts: DestinationStats["accepted"]): number {
  return counts.traces + counts.logs + counts.metrics;
}

function expectAllThere(outcome: SimulationOutcome): void {
  const { acked, sent, disk, life, peers } = outcome;
  expect(sent.size - acked.size, "clients that were never answered").toBe(0);
  const names = visibleRows(disk, life).map(({ name }) => name);
  const visible = new Set(names);
  expect(
    [...acked].filter((name) => !visible.has(name)),
    "acknowledged and not in the mirror",
  ).toEqual([]);
  expect(names.length - visible.size, "rows that are there twice").toBe(0);
  for (const stats of life.stats()) {
    expect(total(stats.waiting), `${stats.name} has not drained`).toBe(0);
    expect(stats.state, stats.name).toBe("running");
  }
  for (const [name, peer] of peers) {
    const lines = letterLines(disk, name);
    const letters = new Set(lines.flatMap(namesInLetter));
    // A request that its client sent twice may be refused twice, but each record's spans only once.
    const places = lines.map((line) => `${JSON.parse(line).seq} ${namesInLetter(line).join(" ")}`);
    expect(places.length - new Set(places).size, `dead letters of ${name} that are there twice`).toBe(0);
    const missing = [...acked].filter((span) => !peer.taken.has(span) && !letters.has(span));
    expect(missing, `acknowledged, and neither taken by ${name} nor a dead letter`).toEqual([]);
    const refused = [...letters].filter((span) => !/^(poison|huge)/.test(span));
    expect(refused, `dead letters of ${name} that nobody refuses`).toEqual([]);
  }
}

test("I1, I2: for any seed of faulty disks, faulty destinations and crashes, nothing acknowledged is lost or doubled, and all drains", async () => {
  let crashes = 0;
  let refusals = 0;
  for (let seed = first; seed < first + count; seed += 1) {
    const simulation = new Simulation(seed);
    try {
      const outcome = await simulation.run(STEPS, expectIdentity);
      expectAllThere(outcome);
      crashes += outcome.crashes;
      refusals += outcome.refusals;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const log = only === undefined ? "" : `\n${simulation.log.slice(-60).join("\n")}`;
      throw new Error(`seed ${seed} (run it again with SIMULATION_SEED=${seed}): ${message}${log}`, {
        cause: error,
      });
    } finally {
      simulation.disk.kill();
      vi.clearAllTimers();
    }
  }
  if (count < 10) return;
  expect(crashes, "a simulation without crashes shows nothing").toBeGreaterThan(0);
  expect(refusals, "a simulation without refused requests shows nothing").toBeGreaterThan(0);
});
