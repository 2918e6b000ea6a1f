import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openJournal, openJournalReader, seqAtTime } from "../../journal/index.js";
import { SIGNALS } from "../../schema/index.js";
import { injectedError, MemoryFileSystem } from "../support/memory-file-system.js";
import { appendMany, entry, idOf, readAll } from "./entries.js";

test("a reader in a worker thread reads exactly up to each durable tail while the journal is written", async () => {
  const dir = await mkdtemp(join(tmpdir(), "journal-worker-"));
  const journal = await openJournal({ dir, segmentBytes: 128 * 1024 });
  const worker = new Worker(new URL("./reader.worker.mjs", import.meta.url), { workerData: { dir } });
  const failed = once(worker, "error").then(([error]) => Promise.reject(error as Error));
  const answer = once(worker, "message");
  journal.onDurable((tail) => worker.postMessage({ seq: tail.seq }));
  let next = 1;
  const appendSome = async () => {
    while (next <= 3_000) {
      const index = next++;
      await journal.append(entry(`r${index}`, { bytes: 20 + ((index * 31) % 900) }));
    }
  };
  await Promise.all(Array.from({ length: 16 }, appendSome));
  worker.postMessage({ seq: 3_000, last: true });
  const [result] = await Promise.race([answer, failed]);
  expect(result).toEqual({ read: 3_000, counts: { traces: 3_000, logs: 0, metrics: 0, records: 0 } });
  failed.catch(() => undefined);
  await journal.close();
  await rm(dir, { recursive: true });
});

test("a reader keeps its place in a segment that is removed under it, then reports what it could not reach", async () => {
  const fileSystem = new MemoryFileSystem();
  const dir = "/journal";
  const journal = await openJournal({ dir, fileSystem, segmentBytes: 1_024 });
  await appendMany(journal, 60);
  const reader = openJournalReader({ dir, afterSeq: 0, fileSystem });
  expect(reader.read({ maxBytes: 100, upToSeq: 60 }).lastSeq).toBe(2);
  journal.setCursor("others", 60);
  await journal.trim();
  const { firstSeq } = journal.stats();
  const { records, gaps, counts } = readAll(reader, 60);
  const [gap] = gaps;
  expect(gaps).toHaveLength(1);
  expect(gap).toMatchObject({ toSeq: firstSeq - 1, reason: "trimmed" });
  // The open segment was read to its end.
  const readable = records.filter((record) => record.seq < firstSeq).map((record) => record.seq);
  expect(readable.at(-1)).toBe((gap?.fromSeq ?? 0) - 1);
  expect(readable.length).toBeGreaterThan(3);
  expect(counts.traces).toBe(60);
  await journal.close();
});

test("I1: records left behind a segment's end are not read, and hide nothing, even behind damage", async () => {
  const fileSystem = new MemoryFileSystem();
  const dir = "/journal";
  const journal = await openJournal({ dir, fileSystem });
  await appendMany(journal, 3);
  // The disk took records 4 to 6 but not their sync, and they could not be cut off: they are written again elsewhere.
  let syncs = 0;
  fileSystem.fault = ({ kind }) =>
    kind === "truncate" || (kind === "datasync" && syncs++ === 0) ? injectedError("EIO") : undefined;
  await appendMany(journal, 3, { prefix: "again" });
  fileSystem.fault = undefined;
  await journal.close();
  const [first, second] = fileSystem.paths();
  if (first === undefined || second === undefined) throw new Error("expected two segments");
  const bytes = Buffer.from(fileSystem.contentOf(first));
  const frame = (bytes.length - 128) / 6;
  expect(Number.isInteger(frame)).toBe(true);
  // Records 3 and 4 of the first segment are damaged; its records 5 and 6 are whole, and stale.
  fileSystem.put(first, bytes.fill(0, 128 + 2 * frame, 128 + 4 * frame));
  const { records, gaps, counts } = readAll(openJournalReader({ dir, afterSeq: 0, fileSystem }), 6);
  expect(records.map(idOf)).toEqual(["r1", "r2", "again1", "again2", "again3"]);
  expect(gaps).toEqual([
    { fromSeq: 3, toSeq: 3, counts: { traces: 1, logs: 0, metrics: 0, records: 0 }, reason: "corrupt" },
  ]);
  expect(counts.traces).toBe(6);
});

test("an unreadable folder is a retryable error and the reader goes on when it is back", async () => {
  const fileSystem = new MemoryFileSystem();
  const dir = "/journal";
  const journal = await openJournal({ dir, fileSystem });
  await appendMany(journal, 3);
  let isBroken = true;
  const sync = {
    ...fileSystem.sync,
    readdir: (path: string) => {
      if (isBroken) throw Object.assign(new Error("EIO"), { code: "EIO" });
      return fileSystem.sync.readdir(path);
    },
  };
  const reader = openJournalReader({ dir, afterSeq: 0, fileSystem: { sync } });
  expect(() => reader.read({ maxBytes: 1_000, upToSeq: 3 })).toThrowError(
    expect.objectContaining({ code: "CF_JOURNAL_IO", retryable: true }) as Error,
  );
  isBroken = false;
  expect(readAll(reader, 3).records.map(idOf)).toEqual(["r1", "r2", "r3"]);
});

test("seqAtTime finds the first record received at or after a time, whatever the clock did", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.bigInt({ min: 0n, max: 60n }), { maxLength: 40 }),
      fc.bigInt({ min: 0n, max: 61n }),
      async (times, wanted) => {
        const fileSystem = new MemoryFileSystem();
        const journal = await openJournal({ dir: "/journal", fileSystem, segmentBytes: 400 });
        for (const receivedUnixNano of times) await journal.append(entry("r", { receivedUnixNano }));
        await journal.close();
        const index = times.findIndex((time) => time >= wanted);
        expect(seqAtTime("/journal", wanted, fileSystem)).toBe(index < 0 ? undefined : index + 1);
      },
    ),
    { numRuns: 100 },
  );
});

test("every position gives the same records and counts, in reads of any size, to several readers at once", async () => {
  const fileSystem = new MemoryFileSystem();
  const dir = "/journal";
  const journal = await openJournal({ dir, fileSystem, segmentBytes: 700 });
  const last = 30;
  for (let index = 1; index <= last; index++) {
    const signal = SIGNALS[index % 3] ?? "traces";
    await journal.append(entry(`r${index}`, { signal, itemCount: index, bytes: (index * 37) % 300 }));
  }
  const { counts } = journal.tail();
  for (let afterSeq = 0; afterSeq < last; afterSeq++) {
    for (const maxBytes of [0, 1, 250, 1_000_000]) {
      const readers = [0, 1].map(() => openJournalReader({ dir, afterSeq, fileSystem }));
      for (const [step, reader] of readers.entries()) {
        const seqs: number[] = [];
        for (let upTo = afterSeq; upTo <= last; upTo += 3 + step) {
          seqs.push(...reader.read({ maxBytes, upToSeq: upTo }).records.map(({ seq }) => seq));
        }
        const rest = readAll(reader, last, maxBytes);
        seqs.push(...rest.records.map(({ seq }) => seq));
        expect(seqs).toEqual(Array.from({ length: last - afterSeq }, (_, index) => afterSeq + 1 + index));
        expect([rest.gaps, rest.counts, rest.lastSeq]).toEqual([[], counts, last]);
      }
    }
  }
  await journal.close();
});

test("a reader meets a new segment before its header is written: that is the end of the journal, not damage", async () => {
  const fileSystem = new MemoryFileSystem();
  const dir = "/journal";
  const journal = await openJournal({ dir, fileSystem });
  await appendMany(journal, 3);
  const name = "/journal/0000000002-0000000000000004.cfj";
  for (const content of [Buffer.alloc(0), Buffer.alloc(60)]) {
    fileSystem.put(name, content);
    const reader = openJournalReader({ dir, afterSeq: 0, fileSystem });
    expect(readAll(reader, Number.MAX_SAFE_INTEGER)).toMatchObject({ lastSeq: 3, gaps: [] });
  }
  // With another behind it, it is damage.
  fileSystem.put("/journal/0000000003-0000000000000009.cfj", Buffer.alloc(128));
  const reader = openJournalReader({ dir, afterSeq: 3, fileSystem });
  expect(() => reader.read({ maxBytes: 1, upToSeq: 9 })).toThrow(/damaged header/);
});
