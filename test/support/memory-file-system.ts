import type { FileSystem, OpenFile, OpenMode, OpenSyncFile } from "../../journal/index.js";
import {
  applyChange,
  applyNames,
  type DataChange,
  type DiskState,
  folderOf,
  inFolder,
  type Inode,
  type NameChange,
  newInode,
} from "./memory-disk.js";

/** One operation, shown to {@link MemoryFileSystem.fault} before it is done. */
export interface FileOperation {
  readonly kind:
    | "open"
    | "writev"
    | "datasync"
    | "sync"
    | "truncate"
    | "unlink"
    | "rename"
    | "mkdir"
    | "syncDirectory";
  readonly path: string;
}

/** What a fault does: an error instead of the operation, half the bytes of a write, or nothing. */
export type FaultOutcome = Error | "short" | undefined;

/** What a power cut does to writes that were not synced. */
export interface PowerCut {
  /** How many un-synced writes of each file reached the disk. */
  readonly keptWrites: number;
  /** How much of the next one did, 0 to 1. */
  readonly tornFraction: number;
  /** The file already had its new size: what did not reach the disk reads as zeros. */
  readonly zeroFill: boolean;
  /** Names made or removed since the last sync of their folder are as they were before it. */
  readonly loseNames: boolean;
}

function systemError(code: string, doing: string): Error {
  return Object.assign(new Error(`${code}: injected, ${doing}`), { code });
}

/**
 * A disk in memory with the guarantees of a real one and no more: un-synced writes and names may be lost or torn in a
 * power cut, and a failed sync forgets the writes it could not do, so that a second sync succeeds without them.
 */
export class MemoryFileSystem implements FileSystem {
  /** Asked before each operation; it may take its time (a slow disk). */
  fault: ((operation: FileOperation) => FaultOutcome | Promise<FaultOutcome>) | undefined;
  /** Called after each operation that was done. */
  afterOperation: ((operation: FileOperation) => void) | undefined;
  /** When set, the operation with this number and all later ones never finish: the process died there. */
  diesAtOperation: number | undefined;
  /** Bytes that all files together may have; more is ENOSPC after a short write. */
  capacityBytes = Number.POSITIVE_INFINITY;
  operations = 0;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #pendingNames: NameChange[] = [];
  #folders = new Set<string>();
  #onDeath: () => void = () => undefined;
  /** Resolves when an operation was asked for at or after {@link diesAtOperation}. */
  readonly death: Promise<void> = new Promise((resolve) => {
    this.#onDeath = resolve;
  });

  /** An empty disk with these folders. */
  constructor(folders: readonly string[] = []) {
    for (const folder of folders) this.#addFolder(folder);
  }

  /** A disk that holds these files, all of it durable. */
  static of(files: ReadonlyMap<string, Buffer>, mtimes?: ReadonlyMap<string, number>): MemoryFileSystem {
    const next = new MemoryFileSystem();
    for (const [path, content] of files) next.put(path, content, mtimes?.get(path));
    return next;
  }

  /** The disk after the process was killed: everything it wrote is there. */
  afterKill(): MemoryFileSystem {
    const next = new MemoryFileSystem();
    const copies = new Map<Inode, Inode>();
    const copy = (inode: Inode): Inode => {
      const known = copies.get(inode) ?? { ...inode, unsynced: [...inode.unsynced] };
      copies.set(inode, known);
      return known;
    };
    for (const [name, inode] of this.#names) next.#names.set(name, copy(inode));
    for (const [name, inode] of this.#durableNames) next.#durableNames.set(name, copy(inode));
    next.#pendingNames = this.#pendingNames.map(({ add, ...change }) =>
      add === undefined ? change : { ...change, add: [add[0], copy(add[1])] },
    );
    next.#folders = new Set(this.#folders);
    next.capacityBytes = this.capacityBytes;
    return next;
  }

  /** The disk after the machine lost power. */
  afterPowerCut(cut: PowerCut): MemoryFileSystem {
    const files = new Map<string, Buffer>();
    const mtimes = new Map<string, number>();
    for (const [name, inode] of cut.loseNames ? this.#durableNames : this.#names) {
      files.set(name, surviving(inode, cut));
      mtimes.set(name, inode.mtimeMs);
    }
    const next = MemoryFileSystem.of(files, mtimes);
    next.capacityBytes = this.capacityBytes;
    return next;
  }

  /** What is on the disk, for {@link crashStatesOf}. */
  state(): DiskState {
    return {
      names: this.#names,
      durableNames: this.#durableNames,
      pendingNames: this.#pendingNames,
      folders: this.#folders,
    };
  }

  /** From now on nothing finishes: the process that used this disk is dead. */
  kill(): void {
    this.diesAtOperation = 0;
  }

  /** Content of a file, for tests that look at or change bytes. */
  contentOf(path: string): Buffer {
    return this.#inode(path).content;
  }

  /** Replaces a file, durably. */
  put(path: string, bytes: Uint8Array, mtimeMs = Date.now()): void {
    const content = Buffer.from(bytes);
    const inode = { content, durable: content, unsynced: [], mtimeMs };
    this.#addFolder(folderOf(path));
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  /** Removes a name, durably. */
  remove(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  /** Paths of all files, sorted. */
  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    await this.#operation({ kind: "open", path });
    if (mode === "existing") this.#inode(path);
    if (mode === "create" && this.#names.has(path)) throw systemError("EEXIST", path);
    const there = this.#names.get(path);
    if (there === undefined && mode !== "existing") this.#make(path);
    else if (there !== undefined && mode === "replace") this.#change(there, { truncate: 0 });
    this.#done({ kind: "open", path });
    return this.#file(path, this.#inode(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation({ kind: "rename", path: from });
    const inode = this.#inode(from);
    // Across folders both would have to be synced; nobody does that, so it is not modelled.
    if (folderOf(from) !== folderOf(to)) throw systemError("EXDEV", from);
    this.#rename({ folder: folderOf(to), remove: from, add: [to, inode] });
    this.#done({ kind: "rename", path: from });
  }

  async unlink(path: string): Promise<void> {
    await this.#operation({ kind: "unlink", path });
    this.#inode(path);
    this.#rename({ folder: folderOf(path), remove: path });
    this.#done({ kind: "unlink", path });
  }

  /** Durable at once, as the interface says: folders are not part of what a power cut takes. */
  async mkdir(path: string): Promise<void> {
    if (this.#folders.has(path)) return;
    await this.#operation({ kind: "mkdir", path });
    this.#addFolder(path);
    this.#done({ kind: "mkdir", path });
  }

  async readdir(path: string): Promise<string[]> {
    return this.sync.readdir(path);
  }

  async stat(path: string): Promise<{ size: number; mtimeMs: number }> {
    const { content, mtimeMs } = this.#inode(path);
    return { size: content.length, mtimeMs };
  }

  async touch(path: string): Promise<void> {
    this.#inode(path).mtimeMs = Date.now();
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.sync.readFile(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#operation({ kind: "syncDirectory", path });
    const mine = this.#pendingNames.filter((change) => change.folder === path);
    this.#durableNames = applyNames(this.#durableNames, mine);
    this.#pendingNames = this.#pendingNames.filter((change) => change.folder !== path);
    this.#done({ kind: "syncDirectory", path });
  }

  readonly sync = {
    open: (path: string): OpenSyncFile => {
      const inode = this.#inode(path);
      return {
        read: (buffer, position) => inode.content.copy(buffer, 0, position, position + buffer.length),
        size: () => inode.content.length,
        close: () => undefined,
      };
    },
    readFile: (path: string): Uint8Array => this.#inode(path).content,
    readdir: (path: string): string[] => {
      if (!this.#folders.has(path)) throw systemError("ENOENT", path);
      return [...this.#names.keys(), ...this.#folders]
        .filter((name) => inFolder(name, path))
        .map((name) => name.slice(path.length + 1));
    },
  };

  #addFolder(path: string): void {
    for (let folder = path; folder !== ""; folder = folderOf(folder)) this.#folders.add(folder);
  }

  #make(path: string): void {
    if (!this.#folders.has(folderOf(path))) throw systemError("ENOENT", path);
    this.#rename({ folder: folderOf(path), add: [path, newInode()] });
  }

  #rename(change: NameChange): void {
    this.#names = applyNames(this.#names, [change]);
    this.#pendingNames.push(change);
  }

  #change(inode: Inode, change: DataChange): void {
    inode.content = applyChange(inode.content, change);
    inode.unsynced.push(change);
    inode.mtimeMs = Date.now();
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw systemError("ENOENT", path);
    return inode;
  }

  #file(path: string, inode: Inode): OpenFile {
    const sync = async (kind: "sync" | "datasync"): Promise<void> => {
      try {
        await this.#operation({ kind, path });
      } catch (error) {
        inode.unsynced = [];
        throw error;
      }
      for (const change of inode.unsynced) inode.durable = applyChange(inode.durable, change);
      inode.unsynced = [];
      this.#done({ kind, path });
    };
    return {
      writev: async (buffers, position) => {
        const outcome = await this.#operation({ kind: "writev", path });
        const bytes = Buffer.concat(buffers);
        const room = Math.max(
          0,
          this.capacityBytes - this.#used() + Math.max(0, inode.content.length - position),
        );
        if (room === 0) throw systemError("ENOSPC", path);
        const length = Math.min(room, outcome === "short" ? Math.ceil(bytes.length / 2) : bytes.length);
        this.#change(inode, { position, bytes: bytes.subarray(0, length) });
        this.#done({ kind: "writev", path });
        return length;
      },
      datasync: () => sync("datasync"),
      sync: () => sync("sync"),
      truncate: async (size) => {
        await this.#operation({ kind: "truncate", path });
        this.#change(inode, { truncate: size });
        this.#done({ kind: "truncate", path });
      },
      close: async () => undefined,
    };
  }

  #used(): number {
    let bytes = 0;
    for (const inode of this.#names.values()) bytes += inode.content.length;
    return bytes;
  }

  async #operation(operation: FileOperation): Promise<"short" | undefined> {
    this.operations++;
    await this.#dieWhenDue();
    await Promise.resolve();
    const outcome = await this.fault?.(operation);
    await this.#dieWhenDue();
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }

  async #dieWhenDue(): Promise<void> {
    if (this.diesAtOperation === undefined || this.operations < this.diesAtOperation) return;
    this.#onDeath();
    await new Promise<never>(() => undefined);
  }

  #done(operation: FileOperation): void {
    this.afterOperation?.(operation);
  }
}

function surviving(inode: Inode, cut: PowerCut): Buffer {
  let content = inode.durable;
  for (const change of inode.unsynced.slice(0, cut.keptWrites)) content = applyChange(content, change);
  const torn = inode.unsynced[cut.keptWrites];
  if (torn !== undefined && "bytes" in torn) {
    const length = Math.floor(torn.bytes.length * cut.tornFraction);
    content = applyChange(content, { position: torn.position, bytes: torn.bytes.subarray(0, length) });
  }
  if (cut.zeroFill && inode.content.length > content.length) {
    content = applyChange(content, { truncate: inode.content.length });
  }
  return content;
}

/** An error as the operating system gives it. */
export function injectedError(code: string): Error {
  return systemError(code, "by the test");
}
