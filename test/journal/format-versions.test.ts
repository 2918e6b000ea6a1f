import { crc32 } from "node:zlib";
import { expect, test } from "vitest";
import { openJournal, openJournalReader } from "../../journal/index.js";
import { MemoryFileSystem } from "../support/memory-file-system.js";
import { entry, idOf, readAll } from "./entries.js";

const dir = "/journal";

/** A journal as version 1 wrote it: its frames are those of version 2 without records. */
async function writtenByVersion1(records: number): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  const journal = await openJournal({ dir, fileSystem });
  for (let index = 1; index <= records; index++) await journal.append(entry(`old${index}`, { itemCount: 3 }));
  await journal.close();
  for (const path of fileSystem.paths()) {
    const content = Buffer.from(fileSystem.contentOf(path));
    content.writeUInt32LE(1, 8);
    content.writeUInt32LE(crc32(content.subarray(0, 124)), 124);
    fileSystem.put(path, content);
  }
  return fileSystem;
}

test("a journal of format 1 stays readable, and is written on in a segment of its own", async () => {
  const fileSystem = await writtenByVersion1(3);
  const [old = ""] = fileSystem.paths();
  const before = Buffer.from(fileSystem.contentOf(old));
  const journal = await openJournal({ dir, fileSystem });
  await journal.append(entry("new", { signal: "records", itemCount: 5 }));
  expect(journal.tail()).toEqual({ seq: 4, counts: { traces: 9, logs: 0, metrics: 0, records: 5 } });
  await journal.close();
  expect(Buffer.from(fileSystem.contentOf(old)).equals(before)).toBe(true);
  const { records } = readAll(openJournalReader({ dir, afterSeq: 0, fileSystem }), 4);
  expect(records.map((record) => `${idOf(record)} ${record.signal}`)).toEqual([
    "old1 traces",
    "old2 traces",
    "old3 traces",
    "new records",
  ]);
  expect(fileSystem.contentOf(fileSystem.paths()[1] ?? "")[8]).toBe(2);
});

test("an empty segment of format 1 is followed by one of format 2", async () => {
  const fileSystem = await writtenByVersion1(0);
  const journal = await openJournal({ dir, fileSystem });
  await journal.append(entry("first", { signal: "records" }));
  await journal.close();
  const reopened = await openJournal({ dir, fileSystem });
  expect(reopened.tail()).toEqual({ seq: 1, counts: { traces: 0, logs: 0, metrics: 0, records: 1 } });
  await reopened.close();
});

test("cumulative counts of 48 bits come back from frames and segment headers", async () => {
  const fileSystem = new MemoryFileSystem();
  const counts = { traces: 2 ** 48 - 10, logs: 2 ** 47 + 1, metrics: 2 ** 33 + 7, records: 0x1234_5678_9abc };
  const journal = await openJournal({ dir, fileSystem, segmentBytes: 300, atLeast: { seq: 9, counts } });
  for (const id of ["a", "b", "c", "d"]) await journal.append(entry(id, { signal: "records" }));
  await journal.close();
  const reopened = await openJournal({ dir, fileSystem });
  expect(reopened.tail()).toEqual({ seq: 13, counts: { ...counts, records: counts.records + 4 } });
  await reopened.close();
  const reader = openJournalReader({ dir, afterSeq: 11, fileSystem });
  expect(reader.read({ maxBytes: 1, upToSeq: 13 }).counts.records).toBe(counts.records + 3);
});
