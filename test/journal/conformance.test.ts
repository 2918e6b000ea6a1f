import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal, openJournalReader } from "../../journal/index.js";
import { describeJournalConformance } from "../conformance/journal.js";
import { MemoryFileSystem } from "../support/memory-file-system.js";

describeJournalConformance("segments on disk", async () => {
  const dir = await mkdtemp(join(tmpdir(), "journal-"));
  return {
    open: (options) => openJournal({ dir, segmentBytes: 4_096, ...options }),
    reader: (afterSeq, counts) => openJournalReader({ dir, afterSeq, ...(counts && { counts }) }),
    destroy: () => rm(dir, { recursive: true }),
  };
});

// The same suite keeps the disk in memory honest, on which the fault tests rest.
describeJournalConformance("segments on the disk in memory", async () => {
  const fileSystem = new MemoryFileSystem();
  return {
    open: (options) => openJournal({ dir: "/journal", segmentBytes: 4_096, fileSystem, ...options }),
    reader: (afterSeq, counts) =>
      openJournalReader({ dir: "/journal", afterSeq, fileSystem, ...(counts && { counts }) }),
    destroy: async () => undefined,
  };
});
