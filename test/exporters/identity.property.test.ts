import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sumTotals } from "../../exporters/core/counts.js";
import { addCounts } from "../../journal/index.js";
import type { Outcome } from "../../exporters/core/exporter.js";
import type { Processor } from "../../exporters/processors/index.js";
import { EngineHarness } from "../support/engine-harness.js";

/** What a span's name makes the peer do, so that the oracle knows each span's end without a model of batches. */
type Fate = "ok" | "poison" | "huge" | "dropped";

type Step =
  | { kind: "feed"; fates: Fate[] }
  | { kind: "peer"; mood: Mood }
  | { kind: "wait"; ms: number }
  | { kind: "kill" }
  | { kind: "restart" }
  | { kind: "corrupt" }
  | { kind: "flush" };

type Mood = "up" | "down" | "throttled" | "unauthorized" | "cutting";

const fate = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Fate>("ok") },
  { weight: 1, arbitrary: fc.constantFrom<Fate>("poison", "huge", "dropped") },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("feed" as const),
      fates: fc.array(fate, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 20_000 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("peer" as const),
      mood: fc.constantFrom<Mood>("up", "up", "down", "throttled", "unauthorized", "cutting"),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: "kill" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "restart" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "corrupt" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: "flush" }) },
);

const dropper: Processor = {
  id: "dropper",
  process: (_signal, data) => {
    if (!("resourceSpans" in data)) return { data, filtered: {}, failed: [] };
    let dropped = 0;
    for (const resource of data.resourceSpans) {
      for (const scope of resource.scopeSpans) {
        const kept = scope.spans.filter((span) => !span.name.startsWith("dropped"));
        dropped += scope.spans.length - kept.length;
        scope.spans = kept;
      }
    }
    return { data, filtered: { dropper: dropped }, failed: [] };
  },
};

class World {
  readonly h: EngineHarness;
  readonly corrupted = new Set<number>();
  readonly recordNames: string[][] = [];
  mood: Mood = "up";
  #next = 0;

  constructor(seed: number) {
    this.h = new EngineHarness(seed);
    this.h.saveMs = 100;
    this.h.answer = (names) => this.#answer(names);
    this.start();
  }

  start(): void {
    this.h.start({ processors: [dropper] });
  }

  async stop(): Promise<void> {
    const stopped = this.h.running.stop();
    await this.h.clock.advance(1_000);
    await stopped;
  }

  async run(action: Step): Promise<void> {
    const { h } = this;
    switch (action.kind) {
      case "feed": {
        const names = action.fates.map((each) => `${each}-${this.#next++}`);
        this.recordNames.push(names);
        h.feed(names);
        return;
      }
      case "peer":
        this.mood = action.mood;
        return;
      case "wait":
        await h.clock.advance(action.ms);
        return;
      case "kill":
        // What was stored is all that survives; the old engine may not touch it any more.
        h.abandon();
        this.start();
        return;
      case "restart":
        await this.stop();
        this.start();
        return;
      case "corrupt": {
        const seq = this.recordNames.length + 1;
        this.recordNames.push([`lost-${this.#next++}`]);
        this.corrupted.add(seq);
        h.journal.corrupt(seq);
        h.feed(this.recordNames.at(-1) ?? []);
        return;
      }
      case "flush": {
        const flushed = h.running.flush(1_000).catch(() => undefined);
        await h.clock.advance(1_000);
        await flushed;
        return;
      }
    }
  }

  #answer(names: string[]): Outcome {
    switch (this.mood) {
      case "down":
        return { kind: "retry", message: "ECONNRESET" };
      case "throttled":
        return { kind: "retry", message: "429", retryAfterMs: 3_000 };
      case "unauthorized":
        return { kind: "blocked", message: "401" };
      case "cutting":
        if (names.length > 1) return { kind: "too_large", message: "413" };
        break;
      case "up":
        break;
    }
    if (names.some((name) => name.startsWith("poison"))) {
      return { kind: "rejected", reason: "rejected_400", message: "poison" };
    }
    if (names.some((name) => name.startsWith("huge"))) return { kind: "too_large", message: "413" };
    return { kind: "delivered" };
  }
}

function expectIdentity(world: World): void {
  const { accepted, waiting, delivered, filtered, deadLetter } = world.h.running.stats();
  const settled = sumTotals({
    delivered: { ...delivered },
    filtered: { ...filtered },
    deadLetter: { ...deadLetter },
  });
  expect(addCounts(settled, waiting)).toEqual(accepted);
  expect(accepted).toEqual(world.h.journal.tail().counts);
}

describe("delivery as a whole", () => {
  it("I2: accepted = delivered + filtered + waiting + dead letters at every moment; nothing is lost or invented", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 1e6 }),
        async (steps, seed) => {
          const world = new World(seed);
          for (const action of steps) {
            await world.run(action);
            expectIdentity(world);
          }
          world.mood = "up";
          await world.h.clock.advance(3_600_000);
          expectIdentity(world);
          const stats = world.h.running.stats();
          const all = world.recordNames.filter((_, index) => !world.corrupted.has(index + 1)).flat();
          const count = (prefix: string): number => all.filter((name) => name.startsWith(prefix)).length;
          expect(stats.waiting.traces).toBe(0);
          expect(stats.delivered.traces).toBe(count("ok"));
          expect(stats.filtered["dropper"]?.traces ?? 0).toBe(count("dropped"));
          expect(stats.deadLetter["rejected_400"]?.traces ?? 0).toBe(count("poison"));
          expect(stats.deadLetter["too_large"]?.traces ?? 0).toBe(count("huge"));
          expect(stats.deadLetter["journal_corrupt"]?.traces ?? 0).toBe(world.corrupted.size);
          expect(new Set(world.h.delivered)).toEqual(new Set(all.filter((name) => name.startsWith("ok"))));
          await world.stop();
          expect(deadNames(world.h).toSorted()).toEqual(
            all.filter((name) => name.startsWith("poison") || name.startsWith("huge")).toSorted(),
          );
        },
      ),
      { numRuns: 300 },
    );
  });
});

function deadNames(h: EngineHarness): string[] {
  return h.deadLetters().map((letter) => {
    const { otlp } = JSON.parse(JSON.stringify(letter));
    return String(otlp.resourceSpans[0].scopeSpans[0].spans[0].name);
  });
}
