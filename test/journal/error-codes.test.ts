import { describe, expect, test } from "vitest";
import { openJournal, openJournalReader } from "../../journal/index.js";
import { injectedError, MemoryFileSystem, type FileOperation } from "../support/memory-file-system.js";
import { appendMany, entry, idOf, readAll } from "./entries.js";

const dir = "/journal";
const ADVICE: Readonly<Record<string, RegExp>> = {
  ENOSPC: /disk is full: free space/,
  EDQUOT: /quota is used up/,
  EROFS: /read-only: remount/,
  EACCES: /check owner and mode/,
  EMFILE: /Too many open files: raise the limit/,
  ENFILE: /Too many open files on this machine/,
  EIO: /hardware error/,
};
/** Every operation that stands before an acknowledgement. */
const KINDS: readonly FileOperation["kind"][] = ["open", "writev", "datasync", "sync", "syncDirectory"];

describe.each(Object.keys(ADVICE))("item 54, item 55: while every operation fails with %s", (code) => {
  test.each(KINDS)(
    "from %s on: appends are refused as retryable with advice, and taken again without a restart",
    async (kind) => {
      const fileSystem = new MemoryFileSystem();
      const journal = await openJournal({ dir, fileSystem });
      await appendMany(journal, 2, { prefix: "a" });
      const from = KINDS.indexOf(kind);
      // A write is what notices first; an error of a later step only shows where that step is taken.
      const failing = new Set<string>([...KINDS.slice(from), "writev"]);
      fileSystem.fault = (operation) => (failing.has(operation.kind) ? injectedError(code) : undefined);
      for (const id of ["x", "y"]) {
        const refused: unknown = await journal.append(entry(id)).catch((error: unknown) => error);
        expect(refused).toMatchObject({ code: "CF_JOURNAL_IO", retryable: true });
        expect(String(refused)).toMatch(ADVICE[code] ?? /never/);
      }
      fileSystem.fault = undefined;
      await appendMany(journal, 2, { prefix: "b" });
      const { records, gaps } = readAll(openJournalReader({ dir, afterSeq: 0, fileSystem }), 4);
      expect(records.map(idOf)).toEqual(["a1", "a2", "b1", "b2"]);
      expect(gaps).toEqual([]);
      const again = await openJournal({ dir, fileSystem: fileSystem.afterKill() });
      expect(again.tail().seq).toBe(4);
    },
  );
});
