import * as fc from "fast-check";
import { afterEach, beforeEach, test, vi } from "vitest";
import { fakeTime, realTime } from "../support/fake-time.js";
import type { PowerCut } from "../support/memory-file-system.js";
import { checkFound, inspect } from "../support/pipeline-invariants.js";
import { ScriptedWorld } from "../support/scripted-world.js";

beforeEach(fakeTime);
afterEach(realTime);

type Work =
  | { readonly do: "append"; readonly records: readonly (readonly string[])[] }
  | { readonly do: "seal" | "deliver" | "trim" | "compact" | "retain" | "restart" }
  | { readonly do: "wait"; readonly minutes: number };

/** A piece of work; with `dies` the process dies so many operations into it, by a kill or a power cut. */
interface Step {
  readonly work: Work;
  readonly dies: number | undefined;
  readonly cut: PowerCut | undefined;
}

const records = fc.array(fc.array(fc.constantFrom("a", "a", "a", "poison"), { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 4,
});

const work: fc.Arbitrary<Work> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), records }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("seal", "seal", "deliver", "trim", "compact", "retain", "restart"),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait" as const), minutes: fc.constantFrom(1, 11, 70) }),
  },
);

const step: fc.Arbitrary<Step> = fc.record({
  work,
  dies: fc.option(fc.integer({ min: 1, max: 14 }), { freq: 2, nil: undefined }),
  cut: fc.option(
    fc.record({
      keptWrites: fc.nat(2),
      tornFraction: fc.double({ min: 0, max: 1, noNaN: true }),
      zeroFill: fc.boolean(),
      loseNames: fc.boolean(),
    }),
    { nil: undefined },
  ),
});

async function run(world: ScriptedWorld, { do: what, ...given }: Work): Promise<void> {
  switch (what) {
    case "append":
      await world.append("records" in given ? given.records : []);
      return;
    case "seal":
      return world.seal();
    case "deliver":
      return world.deliver();
    case "trim":
      return world.trim();
    case "compact":
      return world.maintain();
    case "retain":
      return world.retain();
    case "restart":
      await world.close();
      return world.start();
    case "wait":
      return world.wait("minutes" in given ? given.minutes * 60_000 : 0);
  }
}

/** Does the step; the life that goes on after it may be another one. */
async function take(world: ScriptedWorld, { work: what, dies, cut }: Step): Promise<ScriptedWorld> {
  const { disk } = world;
  if (dies === undefined) {
    await run(world, what);
    return world;
  }
  disk.diesAtOperation = disk.operations + dies;
  await Promise.race([run(world, what), disk.death]);
  vi.clearAllTimers();
  const next = world.die(cut === undefined ? disk.afterKill() : disk.afterPowerCut(cut));
  await next.start();
  return next;
}

test("I1, I3: any order of append, ack, seal, deliver, trim, compact, retain, restart, kill and power cut keeps to the model", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
      let world = new ScriptedWorld();
      await world.start();
      for (const one of steps) {
        world = await take(world, one);
        // On a copy: what a start would find if the process died now.
        checkFound(await inspect(world.disk.afterKill()), world.promised());
      }
      world.die(world.disk);
      vi.clearAllTimers();
    }),
    { numRuns: Number(process.env["PIPELINE_MODEL_RUNS"] ?? 40) },
  );
});
