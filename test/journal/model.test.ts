import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type Journal, type JournalRecord, openJournal, openJournalReader } from "../../journal/index.js";
import { JOURNAL_SIGNALS, type JournalSignal } from "../../schema/index.js";
import { injectedError, MemoryFileSystem, type PowerCut } from "../support/memory-file-system.js";
import { idOf, readAll } from "./entries.js";

const dir = "/journal";
const SEGMENT_BYTES = 1_024;

interface Submitted {
  readonly id: string;
  readonly signal: JournalSignal;
  readonly itemCount: number;
  readonly bytes: number;
}

type NewEntry = Omit<Submitted, "id">;

type Step =
  | { readonly do: "append"; readonly entries: readonly NewEntry[] }
  /** The process dies some operations into the appends, by a kill or a power cut; then everything is opened again. */
  | {
      readonly do: "crash";
      readonly entries: readonly NewEntry[];
      readonly afterOperations: number;
      readonly cut: PowerCut | undefined;
    }
  /** The disk fails at some of the next operations. */
  | {
      readonly do: "appendOnBadDisk";
      readonly entries: readonly NewEntry[];
      readonly failing: readonly number[];
    }
  | { readonly do: "advance"; readonly fraction: number }
  | { readonly do: "trim" }
  | { readonly do: "reopen" }
  | { readonly do: "check"; readonly afterFraction: number };

const entries = fc.array(
  fc.record({
    signal: fc.constantFrom(...JOURNAL_SIGNALS),
    itemCount: fc.integer({ min: 1, max: 9 }),
    bytes: fc.nat(400),
  }),
  { minLength: 1, maxLength: 12 },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), entries }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("crash" as const),
      entries,
      afterOperations: fc.integer({ min: 1, max: 14 }),
      cut: fc.option(
        fc.record({
          keptWrites: fc.nat(3),
          tornFraction: fc.double({ min: 0, max: 1, noNaN: true }),
          zeroFill: fc.boolean(),
          loseNames: fc.boolean(),
        }),
        { nil: undefined },
      ),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("appendOnBadDisk" as const),
      entries,
      failing: fc.uniqueArray(fc.nat(12), { maxLength: 8 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("advance" as const),
      fraction: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("trim" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen" as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("check" as const),
      afterFraction: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
);

/** The oracle: what was acknowledged at which seq, and what may be there or not. */
class Model {
  fileSystem = new MemoryFileSystem();
  journal: Journal | undefined;
  /** By seq - 1: acknowledged, or adopted when found after a crash. */
  readonly log: Submitted[] = [];
  readonly submitted = new Map<string, Submitted>();
  /** Submitted and neither acknowledged nor found: may still appear, once. */
  readonly open = new Set<string>();
  cursor = 0;
  #nextId = 1;

  async start(): Promise<Journal> {
    this.journal = await openJournal({ dir, segmentBytes: SEGMENT_BYTES, fileSystem: this.fileSystem });
    this.journal.setCursor("all", this.cursor);
    return this.journal;
  }

  get live(): Journal {
    if (this.journal === undefined) throw new Error("not started");
    return this.journal;
  }

  /** Appends all together; every acknowledgement enters the log at its seq. */
  append(wanted: readonly NewEntry[]): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(
      wanted.map(async (one) => {
        const submitted = { ...one, id: `e${this.#nextId++}` };
        this.submitted.set(submitted.id, submitted);
        this.open.add(submitted.id);
        const payload = Buffer.from(`${submitted.id}:`.padEnd(submitted.bytes, "."));
        const { signal, itemCount } = submitted;
        const seq = await this.live.append({
          signal,
          itemCount,
          payload,
          encoding: "identity",
          receivedUnixNano: BigInt(this.#nextId),
        });
        expect(this.log[seq - 1], `seq ${seq} was given out twice`).toBeUndefined();
        this.log[seq - 1] = submitted;
        this.open.delete(submitted.id);
      }),
    );
  }

  /** Reads from `afterSeq` and compares with the log. What lies behind the log's end is adopted. */
  check(afterSeq: number): void {
    const { seq: tailSeq, counts: tailCounts } = this.live.tail();
    expect(tailSeq, "an acknowledged record is missing at the end").toBeGreaterThanOrEqual(this.log.length);
    const base = this.#countsUpTo(afterSeq);
    const reader = openJournalReader({ dir, afterSeq, counts: base, fileSystem: this.fileSystem });
    const { records, gaps, counts, lastSeq } = readAll(reader, tailSeq, 700);
    reader.close();
    expect(lastSeq).toBe(Math.max(afterSeq, tailSeq));
    const { firstSeq } = this.live.stats();
    expect(firstSeq).toBeLessThanOrEqual(this.cursor + 1);
    for (const record of records) this.#compare(record);
    expect(records.map((record) => record.seq)).toEqual(range(Math.max(afterSeq + 1, firstSeq), tailSeq));
    const missing = afterSeq + 1 < firstSeq ? [[afterSeq + 1, firstSeq - 1, "trimmed"]] : [];
    expect(gaps.map((gap) => [gap.fromSeq, gap.toSeq, gap.reason])).toEqual(missing);
    expect(counts).toEqual(this.#countsUpTo(lastSeq));
    expect(tailCounts).toEqual(this.#countsUpTo(tailSeq));
    expect(new Set(this.log.map((one) => one.id)).size, "an entry is there twice").toBe(this.log.length);
  }

  #compare(record: JournalRecord): void {
    const id = idOf(record);
    const known = this.log[record.seq - 1];
    const expected = known ?? this.submitted.get(id);
    if (known === undefined && expected !== undefined) {
      expect(this.open.has(id), `${id} is there twice`).toBe(true);
      this.open.delete(id);
      this.log[record.seq - 1] = expected;
    }
    const { signal, itemCount } = record;
    expect({ id, signal, itemCount }).toEqual(
      expected && { id: expected.id, signal: expected.signal, itemCount: expected.itemCount },
    );
  }

  #countsUpTo(seq: number): Record<JournalSignal, number> {
    const counts = { traces: 0, logs: 0, metrics: 0, records: 0 };
    for (const one of this.log.slice(0, seq)) counts[one.signal] += one.itemCount;
    return counts;
  }
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
}

async function run(model: Model, step: Step): Promise<void> {
  switch (step.do) {
    case "append": {
      const outcomes = await model.append(step.entries);
      for (const outcome of outcomes) expect(outcome.status).toBe("fulfilled");
      break;
    }
    case "crash": {
      model.fileSystem.diesAtOperation = model.fileSystem.operations + step.afterOperations;
      await Promise.race([model.append(step.entries), model.fileSystem.death]);
      model.fileSystem =
        step.cut === undefined ? model.fileSystem.afterKill() : model.fileSystem.afterPowerCut(step.cut);
      await model.start();
      // Only what the log knows can be asked for: the rest may have been lost with the cut.
      model.check(Math.min(model.cursor, model.log.length));
      break;
    }
    case "appendOnBadDisk": {
      const failing = new Set(step.failing.map((offset) => model.fileSystem.operations + 1 + offset));
      model.fileSystem.fault = ({ kind }) =>
        failing.has(model.fileSystem.operations)
          ? injectedError(kind === "writev" ? "ENOSPC" : "EIO")
          : undefined;
      for (const outcome of await model.append(step.entries)) {
        if (outcome.status === "rejected") {
          expect(outcome.reason).toMatchObject({ code: "CF_JOURNAL_IO", retryable: true });
        }
      }
      model.fileSystem.fault = undefined;
      break;
    }
    case "advance":
      model.cursor += Math.floor((model.live.tail().seq - model.cursor) * step.fraction);
      model.live.setCursor("all", model.cursor);
      break;
    case "trim":
      await model.live.trim();
      break;
    case "reopen":
      await model.live.close();
      await model.start();
      model.check(Math.min(model.cursor, model.log.length));
      break;
    case "check":
      model.check(Math.floor(model.live.tail().seq * step.afterFraction));
      break;
  }
}

test("I1: any order of appends, crashes, disk errors, trims and reopens loses nothing acknowledged and repeats nothing", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
      const model = new Model();
      await model.start();
      for (const one of steps) await run(model, one);
      model.check(Math.min(model.cursor, model.log.length));
      await model.live.close();
    }),
    { numRuns: Number(process.env["JOURNAL_MODEL_RUNS"] ?? 200) },
  );
});
