import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ItemCounts, Journal, JournalReader, JournalTail } from "../../journal/index.js";
import { appendMany, entry, idOf, readAll } from "../journal/entries.js";

/** What a journal driver offers to the suite. Each `create` is a new, empty journal. */
export interface JournalDriver {
  open(options?: { bytesMax?: number; whenFull?: "backpressure" | "drop_oldest" }): Promise<Journal>;
  reader(afterSeq: number, counts?: ItemCounts): JournalReader;
  destroy(): Promise<void>;
}

/** The behaviour that every {@link Journal} driver must have. `segmentBytes` of the driver must be at most 4 KiB. */
export function describeJournalConformance(name: string, create: () => Promise<JournalDriver>): void {
  describe(`a journal (${name})`, () => {
    let driver: JournalDriver;
    let journal: Journal;
    beforeEach(async () => {
      driver = await create();
      journal = await driver.open();
    });
    afterEach(async () => {
      await journal.close();
      await driver.destroy();
    });

    test("starts empty: tail 0, no counts, nothing to read", () => {
      expect(journal.tail()).toEqual({ seq: 0, counts: { traces: 0, logs: 0, metrics: 0, records: 0 } });
      const batch = driver.reader(0).read({ maxBytes: 100, upToSeq: 0 });
      expect(batch).toEqual({
        records: [],
        gaps: [],
        counts: { traces: 0, logs: 0, metrics: 0, records: 0 },
        lastSeq: 0,
      });
    });

    test("gives seqs from 1 without gaps in the order of the calls", async () => {
      expect(await appendMany(journal, 300)).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
      const { records } = readAll(driver.reader(0), journal.tail().seq);
      expect(records.map(idOf)).toEqual(Array.from({ length: 300 }, (_, index) => `r${index + 1}`));
    });

    test("gives back every field of an entry exactly", async () => {
      const entries = [
        entry("a", { signal: "traces", encoding: "gzip", itemCount: 7, receivedUnixNano: 2n ** 64n - 1n }),
        entry("b", { signal: "logs", encoding: "zstd", itemCount: 2 ** 32 - 1, receivedUnixNano: 0n }),
        entry("c", { signal: "metrics", encoding: "deflate", payload: new Uint8Array(0) }),
        entry("d", { payload: Uint8Array.from({ length: 9_000 }, (_, index) => index % 251) }),
      ];
      for (const one of entries) await journal.append(one);
      const { records } = readAll(driver.reader(0), 4);
      expect(records.map((record) => ({ ...record, payload: Buffer.from(record.payload) }))).toEqual(
        entries.map((one, index) => ({ ...one, seq: index + 1, payload: Buffer.from(one.payload) })),
      );
    });

    test("tail and reader count items by signal, cumulatively", async () => {
      await journal.append(entry("a", { itemCount: 3 }));
      await journal.append(entry("b", { signal: "logs", itemCount: 5 }));
      await journal.append(entry("c", { itemCount: 4 }));
      expect(journal.tail()).toEqual({ seq: 3, counts: { traces: 7, logs: 5, metrics: 0, records: 0 } });
      const reader = driver.reader(0);
      expect(reader.read({ maxBytes: 1, upToSeq: 3 }).counts).toEqual({
        traces: 3,
        logs: 0,
        metrics: 0,
        records: 0,
      });
      expect(reader.read({ maxBytes: 1, upToSeq: 3 }).counts).toEqual({
        traces: 3,
        logs: 5,
        metrics: 0,
        records: 0,
      });
    });

    test("a listener hears each durable tail once, and nothing after it was stopped", async () => {
      const heard: JournalTail[] = [];
      const stop = journal.onDurable((tail) => heard.push(tail));
      await appendMany(journal, 5);
      const seqs = heard.map((tail) => tail.seq);
      expect(seqs.at(-1)).toBe(5);
      expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
      stop();
      await journal.append(entry("late"));
      expect(heard.at(-1)?.seq).toBe(5);
    });

    test("a listener that throws harms neither the append nor other listeners", async () => {
      let heard = 0;
      journal.onDurable(() => {
        throw new Error("listener");
      });
      journal.onDurable((tail) => {
        heard = tail.seq;
      });
      expect(await journal.append(entry("a"))).toBe(1);
      expect(heard).toBe(1);
    });

    test("I1: the tail says a record is durable no later than its append resolves", async () => {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const seq = await journal.append(entry(`r${index}`));
          expect(journal.tail().seq).toBeGreaterThanOrEqual(seq);
        }),
      );
    });

    test("a reader keeps to maxBytes but always gives at least one record", async () => {
      await journal.append(entry("big", { bytes: 5_000 }));
      await appendMany(journal, 4, { bytes: 100 });
      const reader = driver.reader(0);
      expect(reader.read({ maxBytes: 250, upToSeq: 5 }).records.map((record) => record.seq)).toEqual([1]);
      expect(reader.read({ maxBytes: 250, upToSeq: 5 }).records.map((record) => record.seq)).toEqual([2, 3]);
      expect(reader.read({ maxBytes: 250, upToSeq: 5 }).records.map((record) => record.seq)).toEqual([4, 5]);
    });

    test("a reader never goes beyond upToSeq, and goes on from there", async () => {
      await appendMany(journal, 100);
      const reader = driver.reader(0);
      expect(readAll(reader, 42).lastSeq).toBe(42);
      expect(readAll(reader, 100).records[0]?.seq).toBe(43);
    });

    test("payloads of a batch keep their bytes while the reader goes on", async () => {
      await appendMany(journal, 200, { bytes: 90 });
      const { records } = readAll(driver.reader(0), 200, 500);
      expect(records.map(idOf)).toEqual(Array.from({ length: 200 }, (_, index) => `r${index + 1}`));
    });

    test("a reader that starts anywhere counts as one that started at the beginning", async () => {
      for (let index = 1; index <= 90; index++)
        await journal.append(entry(`r${index}`, { itemCount: index, bytes: 100 }));
      for (const afterSeq of [0, 1, 37, 89, 90]) {
        const { records, counts } = readAll(driver.reader(afterSeq), 90);
        expect(records.map((record) => record.seq)).toEqual(
          Array.from({ length: 90 - afterSeq }, (_, index) => afterSeq + 1 + index),
        );
        if (afterSeq < 90) expect(counts.traces).toBe((90 * 91) / 2);
      }
    });

    test("reopening keeps records, seqs and counts, and goes on after them", async () => {
      await appendMany(journal, 70);
      await journal.close();
      journal = await driver.open();
      expect(journal.tail()).toEqual({ seq: 70, counts: { traces: 70, logs: 0, metrics: 0, records: 0 } });
      expect(await journal.append(entry("next"))).toBe(71);
      expect(readAll(driver.reader(0), 71).records.map(idOf).at(-1)).toBe("next");
    });

    test("close writes what is pending, can be called twice, and later appends are refused", async () => {
      const pending = appendMany(journal, 20);
      await Promise.all([journal.close(), journal.close()]);
      expect((await pending).at(-1)).toBe(20);
      await expect(journal.append(entry("late"))).rejects.toMatchObject({ code: "CF_JOURNAL_CLOSED" });
    });

    test("trim keeps everything that the slowest cursor still needs", async () => {
      await appendMany(journal, 200, { bytes: 100 });
      journal.setCursor("fast", 200);
      journal.setCursor("slow", 150);
      await journal.trim();
      const { firstSeq } = journal.stats();
      expect(firstSeq).toBeGreaterThan(1);
      expect(firstSeq).toBeLessThanOrEqual(151);
      const { records, gaps } = readAll(driver.reader(150), 200);
      expect(gaps).toEqual([]);
      expect(records).toHaveLength(50);
    });

    test("trim removes nothing while no cursor is known", async () => {
      await appendMany(journal, 200, { bytes: 100 });
      await journal.trim();
      expect(journal.stats().firstSeq).toBe(1);
    });

    test("a dropped cursor no longer holds records", async () => {
      await appendMany(journal, 200, { bytes: 100 });
      journal.setCursor("gone", 0);
      journal.setCursor("live", 200);
      await journal.trim();
      expect(journal.stats().firstSeq).toBe(1);
      journal.dropCursor("gone");
      await journal.trim();
      expect(journal.stats().firstSeq).toBeGreaterThan(1);
      expect(journal.stats().cursors).toEqual({ live: 200 });
    });

    test("a cursor past the end is refused: its journal was lost or swapped", async () => {
      await appendMany(journal, 3);
      expect(() => journal.setCursor("mirror", 4)).toThrowError(/mirror.*seq 4.*ends at 3/s);
    });

    test("a reader behind the trimmed part reports the gap with its items", async () => {
      for (let index = 1; index <= 200; index++) {
        await journal.append(entry(`r${index}`, { itemCount: index % 7 === 0 ? 3 : 1, bytes: 100 }));
      }
      const all = readAll(driver.reader(0), 200);
      journal.setCursor("fast", 200);
      await journal.trim();
      const { firstSeq } = journal.stats();
      const after = all.records.slice(0, 10).reduce((sum, record) => sum + record.itemCount, 0);
      const lost = all.records.slice(10, firstSeq - 1).reduce((sum, record) => sum + record.itemCount, 0);
      const { records, gaps, counts } = readAll(
        driver.reader(10, { traces: after, logs: 0, metrics: 0, records: 0 }),
        200,
      );
      expect(gaps).toEqual([
        {
          fromSeq: 11,
          toSeq: firstSeq - 1,
          counts: { traces: lost, logs: 0, metrics: 0, records: 0 },
          reason: "trimmed",
        },
      ]);
      expect(records[0]?.seq).toBe(firstSeq);
      expect(counts).toEqual(all.counts);
    });

    test("back-pressure: at the cap appends are refused as retryable, and taken again once cursors passed", async () => {
      await journal.close();
      journal = await driver.open({ bytesMax: 8_192 });
      journal.setCursor("slow", 0);
      let accepted = 0;
      const fill = async (): Promise<unknown> => {
        for (; accepted < 1_000; accepted++) {
          const refused = await journal.append(entry(`r${accepted + 1}`, { bytes: 100 })).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (refused !== undefined) return refused;
        }
        return undefined;
      };
      const refusal = await fill();
      expect(refusal).toMatchObject({ code: "CF_JOURNAL_FULL", retryable: true });
      expect(String(refusal)).toContain("slow");
      expect(journal.stats().bytes).toBeLessThanOrEqual(8_192);
      journal.setCursor("slow", accepted);
      await journal.trim();
      expect(await journal.append(entry("again"))).toBe(accepted + 1);
    });

    test("back-pressure never lasts once every cursor has passed, however large the records are for the cap", async () => {
      await journal.close();
      journal = await driver.open({ bytesMax: 4_096 });
      journal.setCursor("fast", 0);
      for (const bytes of [900, 100, 940, 940, 200, 950, 0, 950, 950, 700, 950]) {
        const seq = await journal.append(entry("r", { bytes })).catch(() => undefined);
        if (seq === undefined) await journal.trim();
        const stored = seq ?? (await journal.append(entry("r", { bytes })));
        journal.setCursor("fast", stored);
      }
      expect(journal.stats().bytes).toBeLessThanOrEqual(4_096);
    });

    test.each(["backpressure", "drop_oldest"] as const)(
      "%s: a record that could never fit under the cap is refused for good, and others go on",
      async (whenFull) => {
        await journal.close();
        journal = await driver.open({ bytesMax: 4_096, whenFull });
        await expect(journal.append(entry("big", { bytes: 2_000 }))).rejects.toMatchObject({
          code: "CF_BODY_TOO_LARGE",
          retryable: false,
        });
        expect(await journal.append(entry("small"))).toBe(1);
      },
    );

    test("drop_oldest: at the cap the oldest records go, every append is taken, the gap is counted", async () => {
      await journal.close();
      journal = await driver.open({ bytesMax: 8_192, whenFull: "drop_oldest" });
      journal.setCursor("slow", 0);
      for (let index = 1; index <= 300; index++) {
        expect(await journal.append(entry(`r${index}`, { bytes: 100, itemCount: 2 }))).toBe(index);
      }
      expect(journal.stats().bytes).toBeLessThanOrEqual(8_192);
      const { records, gaps, counts } = readAll(driver.reader(0), 300);
      const { firstSeq } = journal.stats();
      expect(firstSeq).toBeGreaterThan(1);
      expect(gaps).toEqual([
        {
          fromSeq: 1,
          toSeq: firstSeq - 1,
          counts: { traces: 2 * (firstSeq - 1), logs: 0, metrics: 0, records: 0 },
          reason: "trimmed",
        },
      ]);
      expect(records.length + firstSeq - 1).toBe(300);
      expect(counts.traces).toBe(600);
    });

    test("an entry with impossible counts or times is refused without harm to others", async () => {
      const refused = [
        { itemCount: 0 },
        { itemCount: 1.5 },
        { receivedUnixNano: -1n },
        { receivedUnixNano: 2n ** 64n },
      ];
      for (const overrides of refused) {
        await expect(journal.append(entry("bad", overrides))).rejects.toThrow(RangeError);
      }
      expect(await journal.append(entry("good"))).toBe(1);
    });
  });
}
