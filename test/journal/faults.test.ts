import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type JournalEvent, openJournal, openJournalReader } from "../../journal/index.js";
import { type FileOperation, injectedError, MemoryFileSystem } from "../support/memory-file-system.js";
import { appendMany, entry, idOf, readAll } from "./entries.js";

const dir = "/journal";

async function opened(options: { segmentBytes?: number } = {}) {
  const fileSystem = new MemoryFileSystem();
  const events: JournalEvent[] = [];
  const logger = (event: JournalEvent) => events.push(event);
  const journal = await openJournal({ dir, fileSystem, logger, ...options });
  return { fileSystem, journal, events };
}

/** What a reader finds from the beginning. */
function found(fileSystem: MemoryFileSystem, upToSeq: number): string[] {
  return readAll(openJournalReader({ dir, afterSeq: 0, fileSystem }), upToSeq).records.map(idOf);
}

/** Fails the next `times` operations of a kind. */
function failNext(
  fileSystem: MemoryFileSystem,
  kinds: FileOperation["kind"][],
  error: Error,
  times = 1,
): void {
  let left = times;
  fileSystem.fault = (operation) => {
    if (left === 0 || !kinds.includes(operation.kind)) return undefined;
    left--;
    return error;
  };
}

const everythingDurable = { keptWrites: 0, tornFraction: 0, zeroFill: false, loseNames: true };

for (const code of ["EIO", "ENOSPC", "EDQUOT"]) {
  for (const kind of ["writev", "datasync"] as const) {
    test(`I1: ${code} on ${kind}: what was not acknowledged moves to a new segment, once, and survives a power cut`, async () => {
      const { fileSystem, journal, events } = await opened();
      await appendMany(journal, 3, { prefix: "a" });
      failNext(fileSystem, [kind], injectedError(code));
      expect(await appendMany(journal, 3, { prefix: "b" })).toEqual([4, 5, 6]);
      expect(fileSystem.paths()).toHaveLength(2);
      expect(journal.stats().failedSyncs).toBe(1);
      expect(events).toContainEqual(expect.objectContaining({ kind: "write_failed" }));
      const expected = ["a1", "a2", "a3", "b1", "b2", "b3"];
      expect(found(fileSystem, 6)).toEqual(expected);
      const after = fileSystem.afterPowerCut(everythingDurable);
      const again = await openJournal({ dir, fileSystem: after });
      expect(again.tail().seq).toBe(6);
      expect(found(after, 6)).toEqual(expected);
    });
  }
}

test("I1: a file is never synced again after its sync failed", async () => {
  const { fileSystem, journal } = await opened();
  await journal.append(entry("a"));
  const synced: string[] = [];
  let isFirst = true;
  fileSystem.fault = ({ kind, path }) => {
    if (kind !== "datasync" && kind !== "sync") return undefined;
    synced.push(path);
    const failure = isFirst ? injectedError("EIO") : undefined;
    isFirst = false;
    return failure;
  };
  await appendMany(journal, 20);
  await journal.close();
  const [failed, ...later] = synced;
  expect(failed).toBe(fileSystem.paths()[0]);
  expect(later.length).toBeGreaterThan(0);
  expect(later).not.toContain(failed);
});

test("I1: readers stop at the last acknowledged record even when the failed segment can't be cut", async () => {
  const { fileSystem, journal } = await opened();
  await journal.append(entry("a"));
  const left = ["datasync", "truncate"];
  fileSystem.fault = ({ kind }) => {
    const index = left.indexOf(kind);
    if (index < 0) return undefined;
    left.splice(index, 1);
    return injectedError("EIO");
  };
  await journal.append(entry("b"));
  expect(left).toEqual([]);
  await journal.append(entry("c"));
  expect(found(fileSystem, 3)).toEqual(["a", "b", "c"]);
  await journal.close();
  const again = await openJournal({ dir, fileSystem });
  expect(again.tail().seq).toBe(3);
  expect(found(fileSystem, 3)).toEqual(["a", "b", "c"]);
  await again.close();
});

test("I1: a rejected record never comes back when its seq is given to another, uncut leftovers or not", async () => {
  const { fileSystem, journal } = await opened();
  await journal.append(entry("a"));
  fileSystem.fault = ({ kind }) =>
    kind === "datasync" || kind === "truncate" || kind === "unlink" ? injectedError("EIO") : undefined;
  await expect(journal.append(entry("rejected"))).rejects.toMatchObject({
    code: "CF_JOURNAL_IO",
    retryable: true,
  });
  expect(journal.tail().seq).toBe(1);
  fileSystem.fault = undefined;
  expect(await journal.append(entry("b"))).toBe(2);
  expect(found(fileSystem, 2)).toEqual(["a", "b"]);
  await journal.close();
  const again = await openJournal({ dir, fileSystem });
  expect(again.tail().seq).toBe(2);
  expect(found(fileSystem, 2)).toEqual(["a", "b"]);
  again.setCursor("all", 2);
  await again.trim();
  // The leftovers go with the trim; only the segment in use stays.
  expect(fileSystem.paths()).toHaveLength(1);
  await again.close();
});

test("a full disk: appends are refused as retryable with advice, and taken again without a restart", async () => {
  const { fileSystem, journal, events } = await opened({ segmentBytes: 4_096 });
  fileSystem.capacityBytes = 3_000;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 60 }, (_, index) => journal.append(entry(`r${index}`, { bytes: 60 }))),
  );
  const accepted = outcomes.flatMap((outcome, index) =>
    outcome.status === "fulfilled" ? [`r${index}`] : [],
  );
  const refused = outcomes.find((outcome) => outcome.status === "rejected");
  expect(refused?.reason).toMatchObject({ code: "CF_JOURNAL_IO", retryable: true });
  expect(String(refused?.reason)).toMatch(/ENOSPC.*free space.*resumes by itself/s);
  expect(found(fileSystem, journal.tail().seq)).toEqual(accepted);
  await expect(journal.append(entry("still full", { bytes: 4_000 }))).rejects.toMatchObject({
    code: "CF_JOURNAL_IO",
  });
  fileSystem.capacityBytes = Number.POSITIVE_INFINITY;
  const seq = await journal.append(entry("space again"));
  expect(seq).toBe(accepted.length + 1);
  expect(found(fileSystem, seq)).toEqual([...accepted, "space again"]);
  expect(events).toContainEqual(expect.objectContaining({ kind: "resumed" }));
  await journal.close();
});

test("failing for long leaves no pile of empty segments behind", async () => {
  const { fileSystem, journal } = await opened();
  await journal.append(entry("a"));
  fileSystem.fault = ({ kind }) => (kind === "datasync" ? injectedError("EIO") : undefined);
  for (let attempt = 0; attempt < 20; attempt++) {
    await expect(journal.append(entry("x"))).rejects.toMatchObject({ code: "CF_JOURNAL_IO" });
  }
  expect(fileSystem.paths().length).toBeLessThanOrEqual(2);
  expect(journal.stats().segments).toBe(fileSystem.paths().length);
  expect(journal.stats().bytes).toBe(
    fileSystem.paths().reduce((sum, name) => sum + fileSystem.contentOf(name).length, 0),
  );
});

test("the last file of a journal that failed is kept while it alone knows where the log ends", async () => {
  const { fileSystem, journal } = await opened({ segmentBytes: 256 });
  await appendMany(journal, 5);
  fileSystem.fault = ({ kind }) => (kind === "datasync" ? injectedError("EIO") : undefined);
  await expect(journal.append(entry("x"))).rejects.toThrow();
  journal.setCursor("all", 5);
  await journal.trim();
  await expect(journal.append(entry("x"))).rejects.toThrow();
  await journal.trim();
  fileSystem.fault = undefined;
  const again = await openJournal({ dir, fileSystem: fileSystem.afterKill() });
  expect(again.tail().seq).toBe(5);
});

test("short writes are completed", async () => {
  const { fileSystem, journal } = await opened();
  fileSystem.fault = ({ kind }) => (kind === "writev" ? "short" : undefined);
  await appendMany(journal, 30, { bytes: 333 });
  fileSystem.fault = undefined;
  expect(found(fileSystem, 30)).toEqual(Array.from({ length: 30 }, (_, index) => `r${index + 1}`));
});

test("a new segment's name and header are durable before the first acknowledgement in it", async () => {
  const { fileSystem, journal } = await opened({ segmentBytes: 512 });
  for (let count = 1; count <= 40; count++) {
    await journal.append(entry(`r${count}`));
    const after = fileSystem.afterPowerCut(everythingDurable);
    const again = await openJournal({ dir, fileSystem: after });
    expect(again.tail().seq).toBe(count);
  }
});

test("an error while recovering is CF_JOURNAL_IO, and opening works once the disk does", async () => {
  const { fileSystem, journal } = await opened();
  await appendMany(journal, 3);
  await journal.close();
  failNext(fileSystem, ["sync"], injectedError("EIO"));
  await expect(openJournal({ dir, fileSystem })).rejects.toMatchObject({
    code: "CF_JOURNAL_IO",
    retryable: true,
  });
  const again = await openJournal({ dir, fileSystem });
  expect(again.tail().seq).toBe(3);
});

test("a segment that can't be removed stays listed, is reported, and goes at the next trim", async () => {
  const { fileSystem, journal, events } = await opened({ segmentBytes: 512 });
  await appendMany(journal, 40);
  journal.setCursor("all", 40);
  failNext(fileSystem, ["unlink"], injectedError("EACCES"));
  await journal.trim();
  expect(journal.stats().firstSeq).toBe(1);
  expect(events).toContainEqual(expect.objectContaining({ kind: "remove_failed" }));
  await journal.trim();
  expect(journal.stats().firstSeq).toBeGreaterThan(1);
});

test("I1: nothing is acknowledged into a folder that was deleted; it works again once the folder is back", async () => {
  const folder = await mkdtemp(join(tmpdir(), "journal-gone-"));
  const journal = await openJournal({ dir: folder });
  await journal.append(entry("a"));
  await rm(folder, { recursive: true });
  await expect(journal.append(entry("lost"))).rejects.toMatchObject({
    code: "CF_JOURNAL_IO",
    retryable: true,
  });
  await mkdir(folder);
  expect(await journal.append(entry("b"))).toBe(2);
  await journal.close();
  const { records, gaps } = readAll(openJournalReader({ dir: folder, afterSeq: 0 }), 2);
  expect(records.map(idOf)).toEqual(["b"]);
  expect(gaps).toMatchObject([{ fromSeq: 1, toSeq: 1, reason: "trimmed", counts: { traces: 1 } }]);
  await rm(folder, { recursive: true });
});

test("pending bytes return to zero after success and after failure", async () => {
  const { fileSystem, journal } = await opened();
  const pending = appendMany(journal, 10);
  expect(journal.stats().pendingBytes).toBeGreaterThan(0);
  await pending;
  fileSystem.fault = ({ kind }) => (kind === "writev" ? injectedError("EIO") : undefined);
  await expect(journal.append(entry("x"))).rejects.toThrow();
  expect(journal.stats().pendingBytes).toBe(0);
});

test("what a restart adopts after a failed sync is on the disk for good, not only in the kernel's memory", async () => {
  const { fileSystem, journal } = await opened();
  await journal.append(entry("a"));
  fileSystem.fault = ({ kind }) => (kind === "writev" ? undefined : injectedError("EIO"));
  await expect(journal.append(entry("b"))).rejects.toMatchObject({ code: "CF_JOURNAL_IO" });
  const killed = fileSystem.afterKill();
  const again = await openJournal({ dir, fileSystem: killed });
  const { seq } = again.tail();
  expect(seq).toBe(2);
  const after = killed.afterPowerCut(everythingDurable);
  expect((await openJournal({ dir, fileSystem: after })).tail().seq).toBe(seq);
});

test("a failed segment without records is kept when it alone knows the last seq", async () => {
  const fileSystem = new MemoryFileSystem();
  const atLeast = { seq: 500, counts: { traces: 500, logs: 0, metrics: 0, records: 0 } };
  const journal = await openJournal({ dir, fileSystem, atLeast });
  fileSystem.fault = ({ kind }) =>
    kind === "datasync" || kind === "open" ? injectedError("EIO") : undefined;
  await expect(journal.append(entry("x"))).rejects.toThrow();
  fileSystem.fault = undefined;
  const again = await openJournal({ dir, fileSystem: fileSystem.afterKill() });
  expect(again.tail().seq).toBeGreaterThanOrEqual(500);
});

test("drop_oldest under a cap that got smaller keeps the segment being written, and loses nothing of it", async () => {
  const fileSystem = new MemoryFileSystem();
  const before = await openJournal({ dir, fileSystem });
  await appendMany(before, 100);
  await before.close();
  const events: JournalEvent[] = [];
  const journal = await openJournal({
    dir,
    fileSystem,
    bytesMax: 4_096,
    whenFull: "drop_oldest",
    logger: (event) => events.push(event),
  });
  expect(await journal.append(entry("first"))).toBe(101);
  expect(events.filter(({ kind }) => kind !== "segment_created")).toEqual([]);
  expect(found(fileSystem, 101)).toHaveLength(101);
  // With a segment behind it, it goes.
  expect(await journal.append(entry("second"))).toBe(102);
  expect(found(fileSystem, 102)).toEqual(["first", "second"]);
  await journal.close();
});
