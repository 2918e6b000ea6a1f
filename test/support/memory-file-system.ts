import type { FileSystem, OpenFile, OpenMode, OpenSyncFile } from "../../journal/index.js";

/** One operation, shown to {@link MemoryFileSystem.fault} before it is done. */
export interface FileOperation {
  readonly kind: "open" | "writev" | "datasync" | "sync" | "truncate" | "unlink" | "rename" | "syncDirectory";
  readonly path: string;
}

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

type Change = { readonly position: number; readonly bytes: Buffer } | { readonly truncate: number };

interface Inode {
  /** What the running process sees. */
  content: Buffer;
  /** What is on the disk for sure. */
  durable: Buffer;
  unsynced: Change[];
}

function systemError(code: string, doing: string): Error {
  return Object.assign(new Error(`${code}: injected, ${doing}`), { code });
}

function applyChange(content: Buffer, change: Change): Buffer {
  if ("truncate" in change) {
    if (change.truncate <= content.length) return content.subarray(0, change.truncate);
    return Buffer.concat([content, Buffer.alloc(change.truncate - content.length)]);
  }
  const end = change.position + change.bytes.length;
  const grown = Buffer.alloc(Math.max(end, content.length));
  content.copy(grown);
  change.bytes.copy(grown, change.position);
  return grown;
}

/**
 * A disk in memory with the guarantees of a real one and no more: un-synced writes and names may be lost or torn in a
 * power cut, and a failed sync forgets the writes it could not do, so that a second sync succeeds without them.
 */
export class MemoryFileSystem implements FileSystem {
  /** Returns an error (thrown instead of the operation), "short" (half the bytes are written), or undefined. */
  fault: ((operation: FileOperation) => Error | "short" | undefined) | undefined;
  /** When set, the operation with this number and all later ones never finish: the process died there. */
  diesAtOperation: number | undefined;
  /** Bytes that all files together may have; more is ENOSPC after a short write. */
  capacityBytes = Number.POSITIVE_INFINITY;
  operations = 0;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #onDeath: () => void = () => undefined;
  /** Resolves when an operation was asked for at or after {@link diesAtOperation}. */
  readonly death: Promise<void> = new Promise((resolve) => {
    this.#onDeath = resolve;
  });

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
    return next;
  }

  /** The disk after the machine lost power. */
  afterPowerCut(cut: PowerCut): MemoryFileSystem {
    const next = new MemoryFileSystem();
    for (const [name, inode] of cut.loseNames ? this.#durableNames : this.#names) {
      const content = surviving(inode, cut);
      const survivor = { content, durable: content, unsynced: [] };
      next.#names.set(name, survivor);
      next.#durableNames.set(name, survivor);
    }
    return next;
  }

  /** Content of a file, for tests that look at or change bytes. */
  contentOf(path: string): Buffer {
    return this.#inode(path).content;
  }

  /** Replaces a file, durably. */
  put(path: string, bytes: Uint8Array): void {
    const content = Buffer.from(bytes);
    const inode = { content, durable: content, unsynced: [] };
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
    if (mode === "create")
      this.#names.set(path, { content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [] });
    if (mode === "replace") {
      const inode = this.#names.get(path);
      if (inode === undefined) {
        this.#names.set(path, { content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [] });
      } else {
        inode.content = Buffer.alloc(0);
        inode.unsynced.push({ truncate: 0 });
      }
    }
    return this.#file(path, this.#inode(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#operation({ kind: "rename", path: from });
    this.#names.set(to, this.#inode(from));
    this.#names.delete(from);
  }

  async unlink(path: string): Promise<void> {
    await this.#operation({ kind: "unlink", path });
    this.#inode(path);
    this.#names.delete(path);
  }

  // Folders are not modelled: only the names of files in them can be lost.
  async mkdir(): Promise<void> {}

  async readdir(path: string): Promise<string[]> {
    return this.sync.readdir(path);
  }

  async stat(path: string): Promise<{ size: number; mtimeMs: number }> {
    return { size: this.#inode(path).content.length, mtimeMs: 0 };
  }

  async readFile(path: string): Promise<Uint8Array> {
    return this.sync.readFile(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#operation({ kind: "syncDirectory", path });
    for (const name of this.#durableNames.keys()) {
      if (inFolder(name, path)) this.#durableNames.delete(name);
    }
    for (const [name, inode] of this.#names) {
      if (inFolder(name, path)) this.#durableNames.set(name, inode);
    }
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
    readdir: (path: string): string[] =>
      [...this.#names.keys()]
        .filter((name) => inFolder(name, path))
        .map((name) => name.slice(path.length + 1)),
  };

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
        const change = { position, bytes: bytes.subarray(0, length) };
        inode.content = applyChange(inode.content, change);
        inode.unsynced.push(change);
        return length;
      },
      datasync: () => sync("datasync"),
      sync: () => sync("sync"),
      truncate: async (size) => {
        await this.#operation({ kind: "truncate", path });
        inode.content = applyChange(inode.content, { truncate: size });
        inode.unsynced.push({ truncate: size });
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
    if (this.diesAtOperation !== undefined && this.operations >= this.diesAtOperation) {
      this.#onDeath();
      await new Promise<never>(() => undefined);
    }
    await Promise.resolve();
    const outcome = this.fault?.(operation);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }
}

function inFolder(name: string, folder: string): boolean {
  return name.startsWith(`${folder}/`) && !name.includes("/", folder.length + 1);
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
