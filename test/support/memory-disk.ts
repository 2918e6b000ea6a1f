/** A change of a file's bytes or size that is not synced yet. */
export type DataChange =
  | { readonly position: number; readonly bytes: Buffer }
  | { readonly truncate: number };

/** A file, whatever its names. */
export interface Inode {
  /** What the running process sees. */
  content: Buffer;
  /** What is on the disk for sure. */
  durable: Buffer;
  unsynced: DataChange[];
  /** When it was last written, ms since 1970. */
  mtimeMs: number;
}

/** A change of names in one folder that is not synced yet: made, removed, or both at once (renamed). */
export interface NameChange {
  readonly folder: string;
  readonly remove?: string;
  readonly add?: readonly [path: string, inode: Inode];
}

/** An empty file. */
export function newInode(): Inode {
  return { content: Buffer.alloc(0), durable: Buffer.alloc(0), unsynced: [], mtimeMs: Date.now() };
}

/** The bytes after a change; `content` is not touched. */
export function applyChange(content: Buffer, change: DataChange): Buffer {
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

/** Applies changes of names. A rename whose old name is not there still makes the new one. */
export function applyNames(names: Map<string, Inode>, changes: readonly NameChange[]): Map<string, Inode> {
  const after = new Map(names);
  for (const { remove, add } of changes) {
    if (remove !== undefined) after.delete(remove);
    if (add !== undefined) after.set(add[0], add[1]);
  }
  return after;
}

/** The folder of a path. */
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Whether a file lies directly in a folder. */
export function inFolder(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`) && !path.includes("/", folder.length + 1);
}

/** What is on a disk: names, files, and what of both a power cut may take. */
export interface DiskState {
  readonly names: ReadonlyMap<string, Inode>;
  readonly durableNames: ReadonlyMap<string, Inode>;
  readonly pendingNames: readonly NameChange[];
  readonly folders: ReadonlySet<string>;
}
