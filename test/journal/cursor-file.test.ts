import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CursorFile, nodeFileSystem } from "../../journal/index.js";
import { injectedError, MemoryFileSystem } from "../support/memory-file-system.js";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

interface State {
  seq: number;
}

const path = "/cursors/langsmith.json";

test("a cursor that was never saved is undefined; a saved one comes back, blocking or not", async () => {
  const fileSystem = new MemoryFileSystem(["/cursors"]);
  const file = new CursorFile<State>(path, fileSystem);
  expect(await file.load()).toBeUndefined();
  expect(file.loadSync()).toBeUndefined();
  await file.save({ seq: 7 });
  expect(await file.load()).toEqual({ seq: 7 });
  expect(new CursorFile<State>(path, fileSystem).loadSync()).toEqual({ seq: 7 });
});

test("on a real disk the file is private and nothing else stays in the folder", async () => {
  const dir = await mkdtemp(join(tmpdir(), "cursor-"));
  const file = new CursorFile<State>(join(dir, "one.json"), nodeFileSystem);
  await file.save({ seq: 1 });
  await file.save({ seq: 2 });
  expect(await readdir(dir)).toEqual(["one.json"]);
  expect((await stat(file.path)).mode & 0o777).toBe(0o600);
  await rm(dir, { recursive: true });
});

test("a damaged cursor file is refused with its name and what to do", async () => {
  for (const text of ["", "{", "[1]", "3", "null", '{"seq":1']) {
    const fileSystem = new MemoryFileSystem(["/cursors"]);
    fileSystem.put(path, Buffer.from(text));
    const file = new CursorFile<State>(path, fileSystem);
    await expect(file.load()).rejects.toMatchObject({ code: "CF_JOURNAL_CORRUPT", retryable: false });
    await expect(file.load()).rejects.toThrow(/langsmith\.json is not a JSON object.*remove it/s);
    expect(() => file.loadSync()).toThrow(/langsmith\.json/);
  }
});

test("of saves that wait, only the latest is written, and each resolves when it or a later one is on disk", async () => {
  const fileSystem = new MemoryFileSystem(["/cursors"]);
  const file = new CursorFile<State>(path, fileSystem);
  const before = fileSystem.operations;
  const saves = Array.from({ length: 50 }, (_, index) => file.save({ seq: index + 1 }));
  await saves[0];
  await Promise.all(saves);
  // Two writes of five operations, not fifty.
  expect(fileSystem.operations - before).toBeLessThanOrEqual(10);
  expect(await file.load()).toEqual({ seq: 50 });
});

test("a save that fails says so, keeps the old state, and the next one works", async () => {
  const fileSystem = new MemoryFileSystem(["/cursors"]);
  const file = new CursorFile<State>(path, fileSystem);
  await file.save({ seq: 1 });
  for (const kind of ["open", "writev", "sync", "rename"]) {
    fileSystem.fault = (operation) => (operation.kind === kind ? injectedError("ENOSPC") : undefined);
    const first = file.save({ seq: 2 });
    const waiting = file.save({ seq: 3 });
    await expect(first).rejects.toMatchObject({ code: "CF_JOURNAL_IO", retryable: true });
    await expect(waiting).rejects.toThrow(/ENOSPC.*free space/s);
    expect(await file.load()).toEqual({ seq: 1 });
  }
  fileSystem.fault = undefined;
  await file.save({ seq: 4 });
  expect(await file.load()).toEqual({ seq: 4 });
});

test("a crash at any step leaves a whole state: the one saved before, or the one being saved", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 6 }),
      fc.option(
        fc.record({ keptWrites: fc.nat(2), tornFraction: fc.double({ min: 0, max: 1, noNaN: true }) }),
        {
          nil: undefined,
        },
      ),
      fc.boolean(),
      async (afterOperations, cut, zeroFill) => {
        const fileSystem = new MemoryFileSystem(["/cursors"]);
        const file = new CursorFile<State>(path, fileSystem);
        await file.save({ seq: 1 });
        fileSystem.diesAtOperation = fileSystem.operations + afterOperations;
        const saved = file.save({ seq: 2 });
        const isSaved = await Promise.race([saved.then(() => true), fileSystem.death.then(() => false)]);
        const after =
          cut === undefined
            ? fileSystem.afterKill()
            : fileSystem.afterPowerCut({ ...cut, zeroFill, loseNames: zeroFill });
        const state = new CursorFile<State>(path, after).loadSync();
        if (isSaved) expect(state).toEqual({ seq: 2 });
        else expect([1, 2]).toContain(state?.seq);
      },
    ),
    { numRuns: 150 },
  );
});
