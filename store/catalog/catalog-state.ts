import { storedCounts, zeroCounts } from "../../journal/item-counts.js";
import type { ItemCounts } from "../../journal/index.js";
import { CounterfoilError } from "../../schema/errors.js";
import type { CatalogChange, CatalogSnapshot, FileEntry, QuarantinedFile } from "../types.js";

/** A change after its redone parts were left out: what one manifest line records. */
export interface EffectiveChange {
  readonly add: readonly FileEntry[];
  readonly remove: readonly string[];
  readonly sealedSeq: number;
  readonly sealedCounts: ItemCounts;
  /** Absent when there are none, as in every line of a healthy mirror. Their paths are in `remove`, too. */
  readonly quarantine?: readonly QuarantinedFile[];
  readonly settled?: readonly string[];
}

/** The two lists of quarantine as an {@link EffectiveChange} has them. */
function quarantineFields(
  quarantine: readonly QuarantinedFile[],
  settled: readonly string[],
): Pick<EffectiveChange, "quarantine" | "settled"> {
  return {
    ...(quarantine.length === 0 ? {} : { quarantine }),
    ...(settled.length === 0 ? {} : { settled }),
  };
}

/** Several changes as one, which applied to the same state gives the same state; undefined for none. */
export function mergeEffects(effects: readonly EffectiveChange[]): EffectiveChange | undefined {
  const last = effects.at(-1);
  if (last === undefined) return undefined;
  const add = new Map<string, FileEntry>();
  const remove = new Set<string>();
  const quarantine = new Map<string, QuarantinedFile>();
  const settled = new Set<string>();
  for (const effect of effects) {
    // A file that was added and removed within the group is in neither list.
    for (const path of effect.remove) if (!add.delete(path)) remove.add(path);
    for (const entry of effect.add) add.set(entry.path, entry);
    for (const path of effect.settled ?? []) if (!quarantine.delete(path)) settled.add(path);
    for (const file of effect.quarantine ?? []) quarantine.set(file.entry.path, file);
  }
  return {
    add: [...add.values()],
    remove: [...remove],
    sealedSeq: last.sealedSeq,
    sealedCounts: last.sealedCounts,
    ...quarantineFields([...quarantine.values()], [...settled]),
  };
}

function refuse(why: string): CounterfoilError {
  return new CounterfoilError("CF_CATALOG_CORRUPT", `Commit refused, nothing was changed: ${why}.`);
}

/** Whether a listed path stays below its table's folder, so that reading or deleting it can't leave the mirror. */
function isSafePath(entry: FileEntry): boolean {
  return (
    entry.path.startsWith(`${entry.table}/`) &&
    entry.path.endsWith(".parquet") &&
    !entry.path.includes("\\") &&
    !entry.path.includes("\0") &&
    entry.path.split("/").every((part) => part !== "" && part !== "." && part !== "..")
  );
}

/** The list of files and the sealed position in memory. Commits apply to it whole or not at all. */
export class CatalogState {
  #files = new Map<string, FileEntry>();
  #quarantined = new Map<string, QuarantinedFile>();
  #version = 0;
  #sealedSeq = 0;
  #sealedCounts: ItemCounts = zeroCounts();
  #snapshot: CatalogSnapshot | undefined;

  /** The state as readers see it; the same object until the next change. */
  snapshot(): CatalogSnapshot {
    this.#snapshot ??= {
      version: this.#version,
      files: [...this.#files.values()],
      sealedSeq: this.#sealedSeq,
      sealedCounts: this.#sealedCounts,
      quarantined: [...this.#quarantined.values()],
    };
    return this.#snapshot;
  }

  get version(): number {
    return this.#version;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** Checks a change against the state; undefined when it would change nothing. Throws CF_CATALOG_CORRUPT. */
  effectOf(change: CatalogChange): EffectiveChange | undefined {
    const adding = new Map<string, FileEntry>();
    for (const entry of change.add) {
      if (!isSafePath(entry)) {
        throw refuse(
          `"${entry.path}" is no path of a Parquet file below the folder of table "${entry.table}"`,
        );
      }
      const listed = adding.get(entry.path) ?? this.#files.get(entry.path);
      if (listed !== undefined && listed.sha256 !== entry.sha256) {
        throw refuse(`${entry.path} is already listed with other content (sha256 ${listed.sha256})`);
      }
      if (listed === undefined) adding.set(entry.path, entry);
    }
    const quarantine = change.quarantine ?? [];
    const settled = [...new Set(change.settled)].filter((path) => this.#quarantined.has(path));
    const newly = quarantine.map(({ entry }) => entry.path).filter((path) => !this.#quarantined.has(path));
    const remove = [...new Set([...change.remove, ...newly])];
    for (const path of remove) {
      if (!this.#files.has(path)) throw refuse(`${path} is to be removed, but is not listed`);
    }
    if (change.add.some((entry) => remove.includes(entry.path))) {
      throw refuse("a path is both added and removed");
    }
    const sealedSeq = change.sealedSeq ?? this.#sealedSeq;
    if (sealedSeq < this.#sealedSeq) {
      throw refuse(`sealedSeq would go back from ${this.#sealedSeq} to ${sealedSeq}`);
    }
    const sealedCounts = change.sealedCounts ?? this.#sealedCounts;
    const moved =
      sealedSeq !== this.#sealedSeq || JSON.stringify(sealedCounts) !== JSON.stringify(this.#sealedCounts);
    if (adding.size === 0 && remove.length === 0 && settled.length === 0 && quarantine.length === 0 && !moved)
      return undefined;
    const fields = quarantineFields(quarantine, settled);
    return { add: [...adding.values()], remove, sealedSeq, sealedCounts, ...fields };
  }

  /** Applies a checked change as the next version. */
  apply(change: EffectiveChange): void {
    for (const path of change.remove) this.#files.delete(path);
    for (const entry of change.add) this.#files.set(entry.path, entry);
    for (const path of change.settled ?? []) this.#quarantined.delete(path);
    for (const file of change.quarantine ?? []) this.#quarantined.set(file.entry.path, file);
    this.#version += 1;
    this.#sealedSeq = change.sealedSeq;
    // Those of a line that an earlier version wrote lack what it did not know.
    this.#sealedCounts = storedCounts(change.sealedCounts);
    this.#snapshot = undefined;
  }

  /** Applies a line read from disk. */
  replay(line: EffectiveChange & { readonly version: number; readonly snapshot?: true }): void {
    if (line.snapshot === true) {
      this.#files.clear();
      this.#quarantined.clear();
    }
    for (const path of line.remove) {
      if (!this.#files.has(path)) throw new Error(`${path} is removed, but was not listed`);
    }
    const named = [...line.add, ...(line.quarantine ?? []).map(({ entry }) => entry)];
    if (!named.every(isSafePath)) throw new Error("a path leaves the mirror folder");
    this.apply(line);
    this.#version = line.version;
  }

  /** A copy to try changes on. */
  clone(): CatalogState {
    const copy = new CatalogState();
    copy.#files = new Map(this.#files);
    copy.#quarantined = new Map(this.#quarantined);
    copy.#version = this.#version;
    copy.#sealedSeq = this.#sealedSeq;
    copy.#sealedCounts = this.#sealedCounts;
    return copy;
  }
}
