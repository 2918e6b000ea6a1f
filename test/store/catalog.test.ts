import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { openCatalog, readCatalog, type CatalogChange, type CatalogOptions } from "../../store/index.js";
import { parseManifest } from "../../store/catalog/manifest-log.js";
import {
  catalogConformance,
  CatalogModel,
  catalogSteps,
  contentOf,
  fileEntry,
} from "../conformance/catalog.js";
import { injectedError, MemoryFileSystem } from "../support/memory-file-system.js";
import { temporaryFolder, writeRows } from "./mirror-files.js";

const FAR = 1e9;

function inMemory(fileSystem: MemoryFileSystem, more: Partial<CatalogOptions> = {}): CatalogOptions {
  return { mirrorDir: "/mirror", fileSystem, openSqlIntervalMs: FAR, ...more };
}

catalogConformance("manifest on disk", () => {
  const mirrorDir = temporaryFolder();
  return { open: () => openCatalog({ mirrorDir }) };
});

catalogConformance("manifest rewritten after every second line", () => {
  const fileSystem = new MemoryFileSystem();
  return { open: () => openCatalog(inMemory(fileSystem, { logLinesMax: 2 })) };
});

/** A manifest with some commits, as bytes, and the content after each good prefix of lines. */
async function sampleLog(): Promise<Buffer> {
  const fileSystem = new MemoryFileSystem();
  const catalog = await openCatalog(inMemory(fileSystem));
  for (const at of [1, 2, 3]) await catalog.commit({ add: [fileEntry(at)], remove: [], sealedSeq: at });
  await catalog.commit({ add: [], remove: [fileEntry(2).path] });
  await catalog.close();
  return fileSystem.contentOf("/mirror/manifest.jsonl");
}

test("I3: a log cut at any byte opens with the commits that are whole, and goes on from there", async () => {
  const bytes = await sampleLog();
  const ends = [...bytes.keys()].filter((at) => bytes[at] === 10).map((at) => at + 1);
  for (let cut = ends[0] ?? 0; cut <= bytes.length; cut += 1) {
    for (const tail of [Buffer.alloc(0), Buffer.alloc(7), Buffer.from("x\n")]) {
      const fileSystem = new MemoryFileSystem();
      fileSystem.put("/mirror/manifest.jsonl", Buffer.concat([bytes.subarray(0, cut), tail]));
      const catalog = await openCatalog(inMemory(fileSystem));
      expect(catalog.snapshot().version).toBe(ends.filter((end) => end <= cut).length - 1);
      await catalog.commit({ add: [fileEntry(9)], remove: [] });
      await catalog.close();
      const { state } = parseManifest(fileSystem.contentOf("/mirror/manifest.jsonl"), "m");
      expect(state.has(fileEntry(9).path)).toBe(true);
    }
  }
});

test("I3: killed or cut off from power at any operation, no acknowledged commit is lost and no half one is there", async () => {
  await fc.assert(
    fc.asyncProperty(
      catalogSteps,
      fc.nat({ max: 60 }),
      fc.record({
        keptWrites: fc.nat({ max: 2 }),
        tornFraction: fc.double({ min: 0, max: 1, noNaN: true }),
        zeroFill: fc.boolean(),
        loseNames: fc.boolean(),
      }),
      async (steps, diesAt, cut) => {
        const disk = new MemoryFileSystem();
        await (await openCatalog(inMemory(disk))).close();
        disk.diesAtOperation = diesAt;
        const model = new CatalogModel();
        let pending: CatalogChange | undefined;
        const work = (async () => {
          const catalog = await openCatalog(inMemory(disk, { logLinesMax: 4 }));
          for (const step of steps) {
            pending = model.changeOf(step);
            await catalog.commit(pending);
            model.apply(pending);
            pending = undefined;
          }
        })();
        await Promise.race([work, disk.death]);
        for (const after of [disk.afterKill(), disk.afterPowerCut(cut)]) {
          const catalog = await openCatalog(inMemory(after));
          const found = contentOf(catalog.snapshot());
          await catalog.close();
          const possible = [model.content()];
          if (pending !== undefined) {
            const later = new CatalogModel();
            later.files = new Map(model.files);
            later.sealedSeq = model.sealedSeq;
            later.apply(pending);
            possible.push(later.content());
          }
          expect(possible).toContainEqual(found);
        }
      },
    ),
    { numRuns: 100 },
  );
});

test.each(["writev", "datasync"] as const)(
  "a failed %s rejects the commit, keeps the state, and the next commit works without the failed descriptor",
  async (kind) => {
    const disk = new MemoryFileSystem();
    const catalog = await openCatalog(inMemory(disk));
    await catalog.commit({ add: [fileEntry(1)], remove: [] });
    disk.fault = (operation) => (operation.kind === kind ? injectedError("EIO") : undefined);
    await expect(catalog.commit({ add: [fileEntry(2)], remove: [] })).rejects.toMatchObject({
      code: "CF_DATA_DIR_IO",
      retryable: true,
    });
    expect(catalog.snapshot().files).toHaveLength(1);
    disk.fault = undefined;
    await catalog.commit({ add: [fileEntry(3)], remove: [] });
    await catalog.close();
    const again = await openCatalog(inMemory(disk));
    expect(again.snapshot().files.map(({ firstSeq }) => firstSeq)).toEqual([1, 3]);
    await again.close();
  },
);

test("damage before good lines is CF_CATALOG_CORRUPT, names the line, and touches nothing", async () => {
  const bytes = await sampleLog();
  const second = bytes.indexOf(10) + 30;
  for (const at of [10, second]) {
    const damaged = Buffer.from(bytes);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    const disk = new MemoryFileSystem();
    disk.put("/mirror/manifest.jsonl", damaged);
    await expect(openCatalog(inMemory(disk))).rejects.toMatchObject({
      code: "CF_CATALOG_CORRUPT",
      message: expect.stringContaining(`line ${at === 10 ? 1 : 2}`) as string,
    });
    expect(disk.contentOf("/mirror/manifest.jsonl")).toEqual(damaged);
  }
});

test("a missing line in the middle is CF_CATALOG_CORRUPT", async () => {
  const lines = (await sampleLog()).toString().split("\n");
  lines.splice(2, 1);
  expect(() => parseManifest(Buffer.from(lines.join("\n")), "m")).toThrow(
    expect.objectContaining({ code: "CF_CATALOG_CORRUPT" }),
  );
});

test("a newer format is CF_CATALOG_VERSION and stays untouched", async () => {
  const disk = new MemoryFileSystem();
  const bytes = Buffer.from('{"v":99,"strange":true}\n');
  disk.put("/mirror/manifest.jsonl", bytes);
  await expect(openCatalog(inMemory(disk))).rejects.toMatchObject({ code: "CF_CATALOG_VERSION" });
  expect(disk.contentOf("/mirror/manifest.jsonl")).toEqual(bytes);
});

test("a manifest that vanished beside Parquet files is not started anew", async () => {
  const mirrorDir = temporaryFolder();
  await writeRows(mirrorDir, "spans/date=2026-11-23/0-1-1.parquet", [{ trace_id: "a" }]);
  await expect(openCatalog({ mirrorDir })).rejects.toMatchObject({ code: "CF_CATALOG_CORRUPT" });
  expect(existsSync(join(mirrorDir, "spans/date=2026-11-23/0-1-1.parquet"))).toBe(true);
});

test("the log is rewritten as one line when it has grown, and reads the same", async () => {
  const disk = new MemoryFileSystem();
  const catalog = await openCatalog(inMemory(disk, { logLinesMax: 5 }));
  for (let at = 1; at <= 23; at += 1)
    await catalog.commit({ add: [fileEntry(at)], remove: [], sealedSeq: at });
  await catalog.close();
  const parsed = parseManifest(disk.contentOf("/mirror/manifest.jsonl"), "m");
  expect(parsed.lines).toBeLessThanOrEqual(5);
  expect(parsed.state.snapshot()).toMatchObject({ version: 23, sealedSeq: 23 });
  expect(parsed.state.snapshot().files).toHaveLength(23);
});

test("catalogue item 58: no commit is acknowledged into a manifest that was removed; the next one writes the whole list anew", async () => {
  const mirrorDir = temporaryFolder();
  const catalog = await openCatalog({ mirrorDir });
  await catalog.commit({ add: [fileEntry(1)], remove: [], sealedSeq: 1 });
  rmSync(mirrorDir, { recursive: true });
  for (const _ of [1, 2])
    await expect(catalog.commit({ add: [fileEntry(2)], remove: [], sealedSeq: 2 })).rejects.toMatchObject({
      code: "CF_DATA_DIR_IO",
      retryable: true,
    });
  expect(catalog.snapshot().sealedSeq).toBe(1);
  mkdirSync(mirrorDir);
  await catalog.commit({ add: [fileEntry(2)], remove: [], sealedSeq: 2 });
  await catalog.close();
  expect(readCatalog(mirrorDir).files.map(({ path }) => path)).toEqual([
    fileEntry(1).path,
    fileEntry(2).path,
  ]);
});

test("another process reads while a line is half written", async () => {
  const mirrorDir = temporaryFolder();
  const catalog = await openCatalog({ mirrorDir });
  await catalog.commit({ add: [fileEntry(1)], remove: [] });
  appendFileSync(join(mirrorDir, "manifest.jsonl"), '{"v":1,"version":2,"after":1,"add":[');
  expect(readCatalog(mirrorDir).version).toBe(1);
  await catalog.close();
});

test("open.sql follows the commits and is complete after flush", async () => {
  const mirrorDir = temporaryFolder();
  const catalog = await openCatalog({ mirrorDir, openSqlIntervalMs: FAR });
  expect(readFileSync(join(mirrorDir, "open.sql"), "utf8")).toContain("snapshot 0");
  await catalog.commit({ add: [fileEntry(1)], remove: [] });
  await catalog.flush();
  expect(readFileSync(join(mirrorDir, "open.sql"), "utf8")).toContain(fileEntry(1).path);
  await catalog.close();
});

test("catalogue item 65: a removed file stays for its readers until the grace period is over, then goes", async () => {
  const mirrorDir = temporaryFolder();
  const path = "spans/date=2026-11-23/0-1-1.parquet";
  const catalog = await openCatalog({ mirrorDir });
  await catalog.commit({ add: [await writeRows(mirrorDir, path, [{ trace_id: "a" }])], remove: [] });
  utimesSync(join(mirrorDir, path), 1, 1);
  await catalog.commit({ add: [], remove: [path] });
  expect(await catalog.sweep()).toEqual([]);
  await catalog.close();
  await (await openCatalog({ mirrorDir })).close();
  expect(existsSync(join(mirrorDir, path))).toBe(true);
  const impatient = await openCatalog({ mirrorDir, graceMs: 0 });
  expect(existsSync(join(mirrorDir, path))).toBe(false);
  await impatient.close();
});

test("catalogue items 62 and 64: leftovers go at open when old; foreign files and fresh ones stay", async () => {
  const mirrorDir = temporaryFolder();
  const catalog = await openCatalog({ mirrorDir });
  await catalog.commit({
    add: [await writeRows(mirrorDir, "spans/date=2026-11-23/0-1-1.parquet", [{ trace_id: "a" }])],
    remove: [],
  });
  const folder = join(mirrorDir, "spans/date=2026-11-23");
  for (const name of ["0-2-2.parquet", "0-3-3.parquet.tmp", "my-notes.parquet", "0-4-4.parquet"]) {
    writeFileSync(join(folder, name), "x");
    if (name !== "0-4-4.parquet") utimesSync(join(folder, name), 1, 1);
  }
  // While running, the wall clock alone must not decide: it may have jumped.
  expect(await catalog.sweep()).toEqual([]);
  await catalog.close();
  await (await openCatalog({ mirrorDir })).close();
  const left = [
    "0-1-1.parquet",
    "0-2-2.parquet",
    "0-3-3.parquet.tmp",
    "my-notes.parquet",
    "0-4-4.parquet",
  ].filter((name) => existsSync(join(folder, name)));
  expect(left).toEqual(["0-1-1.parquet", "my-notes.parquet", "0-4-4.parquet"]);
});
