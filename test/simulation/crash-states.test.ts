import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { CrashRecorder, type RecordedCrash } from "../support/crash-states.js";
import { fakeTime, realTime } from "../support/fake-time.js";
import { MemoryFileSystem } from "../support/memory-file-system.js";
import { checkFound, inspect, type Promised } from "../support/pipeline-invariants.js";
import { ScriptedWorld } from "../support/scripted-world.js";

beforeEach(fakeTime);
afterEach(realTime);

/** Reaches every kind of durable change: records, cursor, files, manifest and its rewriting, dead letters, removals. */
async function everyChange(world: ScriptedWorld): Promise<void> {
  await world.start();
  await world.append([["a"], ["a", "a"], ["poison"]]);
  await world.append([["a"], ["a"]]);
  await world.seal();
  await world.deliver();
  await world.append([["a", "poison"], ["a"], ["a"]]);
  await world.seal();
  await world.trim();
  await world.maintain();
  await world.append([["a"], ["a"], ["a"], ["poison", "a"]]);
  await world.deliver();
  await world.seal();
  await world.retain();
  await world.trim();
  await world.maintain();
  await world.wait(11 * 60_000);
  await world.maintain();
  await world.append([["a", "a", "a", "a", "a"], ["a"]]);
  await world.append([["a"]]);
  await world.seal();
  await world.deliver();
  await world.close();
}

async function check(crash: RecordedCrash<Promised>, disk: MemoryFileSystem, before = ""): Promise<void> {
  try {
    checkFound(await inspect(disk), crash.known);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${before}power cut after ${crash.after}, leaving ${crash.label}: ${message}`, {
      cause: error,
    });
  }
}

/** A process that was killed leaves what it did not sync to the next one, which must not take it for durable. */
async function secondLife(world: ScriptedWorld): Promise<void> {
  await world.start();
  await world.trim();
  await world.wait(1_000);
  await world.append([["a"], ["a"]]);
  await world.seal();
  await world.deliver();
  await world.trim();
  await world.maintain();
}

/**
 * The numbers of the operations before which to kill: of each kind on each kind of file the last. With CRASH_KILLS=all
 * every operation.
 */
async function killPoints(): Promise<number[]> {
  const world = new ScriptedWorld();
  const last = new Map<string, number>();
  world.disk.afterOperation = ({ kind, path }) => {
    const which = `${kind} ${path.replaceAll(/[0-9a-f]*\d[0-9a-f]*/g, "#")}`;
    last.set(which, world.disk.operations);
  };
  await everyChange(world);
  if (process.env["CRASH_KILLS"] === "all")
    return Array.from({ length: world.disk.operations }, (_, at) => at + 1);
  return [...last.values()].sort((left, right) => left - right);
}

test("item 63: whatever a power cut leaves after a kill and a restart, all that was acknowledged in both lives is there once", async () => {
  const points = await killPoints();
  let states = 0;
  for (const dies of points) {
    const first = new ScriptedWorld();
    first.disk.diesAtOperation = dies;
    await Promise.race([everyChange(first), first.disk.death]);
    vi.clearAllTimers();
    // Long enough that nothing is spared for having been written just now.
    await first.wait(3_600_000);
    const second = first.die(first.disk.afterKill());
    const recorder = new CrashRecorder(() => second.promised(), { isCoarse: true });
    recorder.watch(second.disk);
    await secondLife(second);
    recorder.record(second.disk, "the end");
    second.die(new MemoryFileSystem());
    vi.clearAllTimers();
    states += recorder.crashes.length;
    for (const crash of recorder.crashes) {
      await check(
        crash,
        MemoryFileSystem.of(crash.files, crash.mtimes),
        `killed at operation ${dies}, then a `,
      );
    }
  }
  expect(states).toBeGreaterThan(1_000);
});

test("item 63, item 62: whatever a power cut leaves at any operation, all that was acknowledged is there once and fits together", async () => {
  const world = new ScriptedWorld();
  const recorder = new CrashRecorder(() => world.promised());
  recorder.watch(world.disk);
  await everyChange(world);
  recorder.record(world.disk, "the end");
  expect(recorder.crashes.length).toBeGreaterThan(500);
  for (const crash of recorder.crashes) await check(crash, MemoryFileSystem.of(crash.files, crash.mtimes));
});
