import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type {
  Catalog,
  CatalogChange,
  CatalogSnapshot,
  FileEntry,
  QuarantinedFile,
} from "../../store/index.js";

/** How the suite gets at a driver: `open` opens the same catalog again after `close`. */
export interface CatalogDriver {
  open(): Promise<Catalog>;
}

/** A manifest entry; nothing is on disk. */
export function fileEntry(at: number, sha = "0"): FileEntry {
  return {
    table: "spans",
    path: `spans/date=2026-11-23/0-${at}-${at}.parquet`,
    level: 0,
    rows: 10 + at,
    bytes: 1000 + at,
    sha256: sha.repeat(64).slice(0, 64),
    minTimeUnixNano: "1763892000000000001",
    maxTimeUnixNano: null,
    firstSeq: at,
    lastSeq: at,
    formatVersion: 1,
  };
}

const change = (given: Partial<CatalogChange>): CatalogChange => ({ add: [], remove: [], ...given });

/** What matters of a snapshot, in an order of its own. */
export function contentOf(snapshot: CatalogSnapshot): unknown {
  const { files, sealedSeq, sealedCounts } = snapshot;
  return { files: [...files].sort((a, b) => (a.path < b.path ? -1 : 1)), sealedSeq, sealedCounts };
}

/** A step of the property test: which of a few files to add and remove, and how far to seal. */
export const catalogSteps = fc.array(
  fc.record({
    add: fc.uniqueArray(fc.nat({ max: 8 }), { maxLength: 3 }),
    remove: fc.uniqueArray(fc.nat({ max: 8 }), { maxLength: 3 }),
    seal: fc.nat({ max: 3 }),
  }),
  { maxLength: 12 },
);

export type CatalogStep = { add: number[]; remove: number[]; seal: number };

/** The oracle: files by path and the sealed position, changed by steps that are valid. */
export class CatalogModel {
  files = new Map<string, FileEntry>();
  sealedSeq = 0;

  /** The change of a step, with what would be refused left out. */
  changeOf(step: CatalogStep): CatalogChange {
    const listed = (at: number): boolean => this.files.has(fileEntry(at).path);
    const add = step.add.filter((at) => !listed(at)).map((at) => fileEntry(at));
    const remove = step.remove.filter(listed).map((at) => fileEntry(at).path);
    const sealedSeq = this.sealedSeq + step.seal;
    return { add, remove, sealedSeq, sealedCounts: { traces: sealedSeq, logs: 0, metrics: 0, records: 0 } };
  }

  apply({ add, remove, sealedSeq }: CatalogChange): void {
    for (const path of remove) this.files.delete(path);
    for (const entry of add) this.files.set(entry.path, entry);
    this.sealedSeq = sealedSeq ?? this.sealedSeq;
  }

  content(): unknown {
    return contentOf({
      version: 0,
      files: [...this.files.values()],
      sealedSeq: this.sealedSeq,
      sealedCounts: { traces: this.sealedSeq, logs: 0, metrics: 0, records: 0 },
      quarantined: [],
    });
  }
}

async function mergesAndRefuses(driver: CatalogDriver): Promise<void> {
  const catalog = await driver.open();
  const first = await catalog.commit(change({ add: [fileEntry(1)], sealedSeq: 5 }));
  expect(first.version).toBe(1);
  expect(await catalog.commit(change({ add: [fileEntry(1)], sealedSeq: 5 }))).toEqual(first);
  const refused: CatalogChange[] = [
    change({ add: [fileEntry(1, "f")] }),
    change({ remove: [fileEntry(2).path] }),
    change({ add: [fileEntry(3)], remove: [fileEntry(3).path] }),
    change({ add: [fileEntry(4)], sealedSeq: 4 }),
    change({ add: [{ ...fileEntry(5), path: "spans/../../x.parquet" }] }),
    change({ add: [{ ...fileEntry(5), path: "/etc/x.parquet" }] }),
    change({ add: [{ ...fileEntry(5), path: "span_logs/date=2026-11-23/0-5-5.parquet" }] }),
  ];
  for (const bad of refused) {
    await expect(catalog.commit(bad)).rejects.toMatchObject({ name: "CounterfoilError" });
  }
  expect(catalog.snapshot()).toEqual(first);
  await catalog.close();
}

/** Each state also after the catalog was opened again. */
async function keepsQuarantine(driver: CatalogDriver): Promise<void> {
  const file = (at: number): QuarantinedFile => ({
    entry: fileEntry(at),
    damage: "content",
    foundAt: "2026-11-23T06:00:00.000Z",
  });
  const lost = { ...file(2), lost: { rows: 3, seqs: [[2, 2] as const] } };
  const steps: [Partial<CatalogChange>, readonly string[], readonly QuarantinedFile[]][] = [
    [{ add: [1, 2, 3].map((at) => fileEntry(at)) }, [1, 2, 3].map((at) => fileEntry(at).path), []],
    [{ quarantine: [file(1), file(2)] }, [fileEntry(3).path], [file(1), file(2)]],
    [{ quarantine: [lost] }, [fileEntry(3).path], [file(1), lost]],
    [{ add: [fileEntry(4)], settled: [fileEntry(1).path] }, [fileEntry(3).path, fileEntry(4).path], [lost]],
    [{ settled: [fileEntry(2).path, "spans/unknown.parquet"] }, [fileEntry(3).path, fileEntry(4).path], []],
  ];
  let catalog = await driver.open();
  for (const [step, paths, quarantined] of steps) {
    await catalog.commit(change(step));
    await catalog.close();
    catalog = await driver.open();
    const snapshot = catalog.snapshot();
    expect(snapshot.files.map(({ path }) => path)).toEqual(paths);
    expect(snapshot.quarantined).toEqual(quarantined);
  }
  await expect(catalog.commit(change({ quarantine: [file(9)] }))).rejects.toMatchObject({
    code: "CF_CATALOG_CORRUPT",
  });
  await catalog.close();
}

async function commitsInOrder(driver: CatalogDriver): Promise<void> {
  const catalog = await driver.open();
  const seen: number[] = [];
  const stop = catalog.onCommit(({ version }) => seen.push(version));
  const snapshots = await Promise.all(
    [1, 2, 3, 4].map((at) => catalog.commit(change({ add: [fileEntry(at)], sealedSeq: at }))),
  );
  expect(snapshots.map(({ version, files }) => [version, files.length])).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
  ]);
  expect(snapshots.map(({ sealedSeq }) => sealedSeq)).toEqual([1, 2, 3, 4]);
  expect(seen.at(-1)).toBe(4);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  stop();
  await catalog.commit(change({ remove: [fileEntry(1).path] }));
  expect(seen.at(-1)).toBe(4);
  await catalog.close();
  const again = await driver.open();
  expect(again.snapshot().version).toBe(5);
  await again.close();
}

/** What every driver of {@link Catalog} must do. `makeDriver` gives an empty catalog each time. */
export function catalogConformance(name: string, makeDriver: () => CatalogDriver): void {
  describe(`${name}: catalog conformance`, () => {
    test("a new catalog is empty at version 0", async () => {
      const catalog = await makeDriver().open();
      expect(catalog.snapshot()).toEqual({
        version: 0,
        files: [],
        sealedSeq: 0,
        sealedCounts: { traces: 0, logs: 0, metrics: 0, records: 0 },
        quarantined: [],
      });
      await catalog.close();
    });

    test("I3: a redone commit changes nothing; a change that would corrupt is refused whole", () =>
      mergesAndRefuses(makeDriver()));

    test("item 61: a damaged file goes off the list and on record, until its rows are back or given up", () =>
      keepsQuarantine(makeDriver()));

    test("commits apply in the order of the calls, each with a snapshot of its own", () =>
      commitsInOrder(makeDriver()));

    test("a snapshot does not change under its reader", async () => {
      const catalog = await makeDriver().open();
      const before = await catalog.commit(change({ add: [fileEntry(1)] }));
      await catalog.commit(change({ remove: [fileEntry(1).path], add: [fileEntry(2)] }));
      expect(before.files.map(({ path }) => path)).toEqual([fileEntry(1).path]);
      await catalog.close();
    });

    test("after close a commit is refused", async () => {
      const catalog = await makeDriver().open();
      await catalog.close();
      await expect(catalog.commit(change({ add: [fileEntry(1)] }))).rejects.toMatchObject({
        name: "CounterfoilError",
      });
    });

    test("I3: any sequence of commits, reopened at any point, equals the model", async () => {
      await fc.assert(
        fc.asyncProperty(catalogSteps, fc.nat({ max: 12 }), async (steps, reopenAt) => {
          const driver = makeDriver();
          let catalog = await driver.open();
          const model = new CatalogModel();
          for (const [at, step] of steps.entries()) {
            const next = model.changeOf(step);
            await catalog.commit(next);
            model.apply(next);
            if (at === reopenAt) {
              await catalog.close();
              catalog = await driver.open();
            }
            expect(contentOf(catalog.snapshot())).toEqual(model.content());
          }
          await catalog.close();
          const again = await driver.open();
          expect(contentOf(again.snapshot())).toEqual(model.content());
          await again.close();
        }),
        { numRuns: 20 },
      );
    });
  });
}
