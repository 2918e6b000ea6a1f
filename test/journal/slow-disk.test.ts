import { expect, test } from "vitest";
import { type FileSystem, openJournal, openJournalReader } from "../../journal/index.js";
import { MemoryFileSystem } from "../support/memory-file-system.js";
import { appendMany, entry, idOf, readAll } from "./entries.js";

const dir = "/journal";

/** A disk each sync of which waits until the test lets it go. */
function slowDisk(disk: MemoryFileSystem): { fileSystem: FileSystem; syncs: (() => void)[] } {
  const syncs: (() => void)[] = [];
  const fileSystem: FileSystem = {
    open: async (path, mode) => {
      const file = await disk.open(path, mode);
      const datasync = async (): Promise<void> => {
        await new Promise<void>((resolve) => {
          syncs.push(resolve);
        });
        await file.datasync();
      };
      return { ...file, datasync };
    },
    rename: (from, to) => disk.rename(from, to),
    unlink: (path) => disk.unlink(path),
    mkdir: (path) => disk.mkdir(path),
    readdir: (path) => disk.readdir(path),
    stat: (path) => disk.stat(path),
    touch: (path) => disk.touch(path),
    readFile: (path) => disk.readFile(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    sync: disk.sync,
  };
  return { fileSystem, syncs };
}

test("item 56: while a sync takes long, what comes meanwhile waits for one sync together, and the bytes that wait are bounded", async () => {
  const { fileSystem, syncs } = slowDisk(new MemoryFileSystem());
  const journal = await openJournal({ dir, fileSystem, bytesMax: 64 * 1024, segmentBytes: 16 * 1024 });
  const first = journal.append(entry("first"));
  await expect.poll(() => syncs.length).toBe(1);
  const meanwhile = appendMany(journal, 50, { prefix: "m" });
  expect(journal.tail().seq).toBe(0);
  // More than the cap holds does not wait in memory: it is refused as retryable.
  await expect(
    Promise.all(Array.from({ length: 20 }, () => journal.append(entry("much", { bytes: 8_000 })))),
  ).rejects.toMatchObject({ code: "CF_JOURNAL_FULL", retryable: true });
  expect(journal.stats().pendingBytes).toBeLessThanOrEqual(64 * 1024);
  syncs[0]?.();
  expect(await first).toBe(1);
  await expect.poll(() => syncs.length).toBe(2);
  syncs[1]?.();
  expect(await meanwhile).toHaveLength(50);
});

test("item 57: a disk that gives old or short data when read is found out by the checksums, and nothing wrong is delivered", async () => {
  const disk = new MemoryFileSystem();
  const journal = await openJournal({ dir, fileSystem: disk });
  await appendMany(journal, 20, { bytes: 300 });
  await journal.close();
  const path = disk.paths()[0] ?? "";
  const good = disk.contentOf(path);
  const reads: ((bytes: Buffer) => Buffer)[] = [
    // A sector as it was before it was written.
    (bytes) => Buffer.concat([bytes.subarray(0, 1024), Buffer.alloc(512), bytes.subarray(1536)]),
    // Another sector in its place.
    (bytes) => Buffer.concat([bytes.subarray(0, 2048), bytes.subarray(512, 1024), bytes.subarray(2560)]),
    // Less than there is.
    (bytes) => bytes.subarray(0, 2_500),
  ];
  for (const change of reads) {
    disk.put(path, change(good));
    const { records } = readAll(openJournalReader({ dir, afterSeq: 0, fileSystem: disk }), 20);
    expect(records.length).toBeLessThan(20);
    expect(records.length).toBeGreaterThan(0);
    for (const record of records) expect(idOf(record)).toBe(`r${record.seq}`);
  }
  disk.put(path, good);
  expect(readAll(openJournalReader({ dir, afterSeq: 0, fileSystem: disk }), 20).records).toHaveLength(20);
});
