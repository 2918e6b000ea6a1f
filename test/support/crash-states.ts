import { createHash } from "node:crypto";
import { applyChange, applyNames, type DataChange, type DiskState, type Inode } from "./memory-disk.js";
import { MemoryFileSystem } from "./memory-file-system.js";

/** One thing that a power cut may leave of a disk. */
export interface CrashState {
  /** What was lost. */
  readonly label: string;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly mtimes: ReadonlyMap<string, number>;
}

interface DataVariant {
  readonly label: string;
  content(inode: Inode): Buffer;
}

interface NamesVariant {
  readonly label: string;
  readonly names: ReadonlyMap<string, Inode>;
}

function replay(inode: Inode, changes: readonly DataChange[]): Buffer {
  let content = inode.durable;
  for (const change of changes) content = applyChange(content, change);
  return content;
}

function grown(content: Buffer, size: number): Buffer {
  return size > content.length ? applyChange(content, { truncate: size }) : content;
}

/** Where a write of so many bytes is cut: nothing but the first byte, inside, all but the last byte. */
function cuts(length: number): number[] {
  return [...new Set([1, Math.floor(length / 2), length - 1])].filter((cut) => cut > 0 && cut < length);
}

/** What may be left of one file with un-synced changes; of all others, everything is. */
function* variantsOf(inode: Inode, name: string): Generator<DataVariant> {
  const only = (label: string, left: Buffer): DataVariant => ({
    label: `${name}: ${label}`,
    content: (other) => (other === inode ? left : other.content),
  });
  const { unsynced } = inode;
  for (const [at, change] of unsynced.entries()) {
    const before = unsynced.slice(0, at);
    if ("bytes" in change) {
      for (const cut of cuts(change.bytes.length)) {
        const torn = { position: change.position, bytes: change.bytes.subarray(0, cut) };
        const left = replay(inode, [...before, torn]);
        yield only(`change ${at} torn at byte ${cut}`, left);
        yield only(`change ${at} torn at byte ${cut}, zeros behind`, grown(left, inode.content.length));
      }
    }
    yield only(`lost from change ${at} on`, replay(inode, before));
    yield only(`zeros from change ${at} on`, grown(replay(inode, before), inode.content.length));
    if (unsynced.length > 1) {
      yield only(`only change ${at} lost`, replay(inode, [...before, ...unsynced.slice(at + 1)]));
    }
  }
}

function* dataVariants(state: DiskState): Generator<DataVariant> {
  yield { label: "all data kept", content: (inode) => inode.content };
  yield { label: "un-synced data lost", content: (inode) => inode.durable };
  yield { label: "un-synced data zero", content: (inode) => grown(inode.durable, inode.content.length) };
  const seen = new Set<Inode>();
  for (const [name, inode] of [...state.names, ...state.durableNames]) {
    if (seen.has(inode)) continue;
    seen.add(inode);
    yield* variantsOf(inode, name);
  }
}

/** Changes of names may reach the disk in any order, so each may be the only one, or the only one missing. */
function* namesVariants({ durableNames, pendingNames }: DiskState): Generator<NamesVariant> {
  const after = (label: string, keep: (at: number) => boolean): NamesVariant => ({
    label,
    names: applyNames(
      new Map(durableNames),
      pendingNames.filter((_, at) => keep(at)),
    ),
  });
  yield after("all names kept", () => true);
  if (pendingNames.length === 0) return;
  yield after("names as at their last sync", () => false);
  if (pendingNames.length === 1) return;
  for (let at = 0; at < pendingNames.length; at += 1) {
    if (at > 0) yield after(`names up to change ${at}`, (other) => other < at);
    yield after(`name change ${at} alone`, (other) => other === at);
    yield after(`name change ${at} lost`, (other) => other !== at);
  }
}

/**
 * Every state that a power cut at this moment may leave, within these methods of loss. Coarse: everything un-synced is
 * kept or lost, for data and names each.
 */
export function* crashStates(state: DiskState, isCoarse = false): Generator<CrashState> {
  const data = [...dataVariants(state)].slice(0, isCoarse ? 2 : undefined);
  const names = [...namesVariants(state)].slice(0, isCoarse ? 2 : undefined);
  for (const [nameAt, { label, names: kept }] of names.entries()) {
    // All losses of data with all names or none; with the other combinations of names only all data or none.
    for (const variant of nameAt < 2 ? data : data.slice(0, 2)) {
      const files = new Map<string, Buffer>();
      const mtimes = new Map<string, number>();
      for (const [path, inode] of kept) {
        files.set(path, variant.content(inode));
        mtimes.set(path, inode.mtimeMs);
      }
      yield { label: `${label}; ${variant.label}`, files, mtimes };
    }
  }
}

function digest(files: ReadonlyMap<string, Buffer>): string {
  const hash = createHash("sha1");
  for (const path of [...files.keys()].sort()) {
    hash.update(`${path}\0${files.get(path)?.length ?? 0}\0`);
    hash.update(files.get(path) ?? "");
  }
  return hash.digest("hex");
}

/** A state to reopen, with what was known to everybody when the power went. */
export interface RecordedCrash<Known> extends CrashState {
  readonly known: Known;
  readonly after: string;
}

/** Collects the crash states of a disk after each of its operations, each different one once. */
export class CrashRecorder<Known> {
  readonly crashes: RecordedCrash<Known>[] = [];
  readonly #seen = new Set<string>();
  readonly #known: () => Known;
  readonly #isCoarse: boolean;
  #operations = 0;

  /** `known` is asked for what has been promised by then; it must return a copy. */
  constructor(known: () => Known, { isCoarse = false } = {}) {
    this.#known = known;
    this.#isCoarse = isCoarse;
  }

  /** From now on every operation of this disk is looked at. */
  watch(disk: MemoryFileSystem): void {
    disk.afterOperation = ({ kind, path }) => {
      this.#operations += 1;
      this.record(disk, `operation ${this.#operations}, ${kind} ${path}`);
    };
    this.record(disk, "nothing");
  }

  /** Takes the states of this moment. */
  record(disk: MemoryFileSystem, after: string): void {
    const known = this.#known();
    const promised = JSON.stringify(known);
    for (const state of crashStates(disk.state(), this.#isCoarse)) {
      const key = `${digest(state.files)} ${promised}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.crashes.push({ ...state, known, after });
    }
  }
}
