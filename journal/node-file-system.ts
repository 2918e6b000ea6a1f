import fs from "node:fs";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import {
  type FileSystem,
  type OpenFile,
  type OpenMode,
  type OpenSyncFile,
  systemErrorCode,
} from "./file-system.js";

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
/** A parent that belongs to someone else: whoever mounted it made it durable. */
const UNSYNCABLE = new Set(["EACCES", "EPERM", "EINVAL", "ENOTSUP"]);
const FLAGS: Record<OpenMode, string> = { existing: "r+", create: "wx+", replace: "w+" };

// The callback API: FileHandle costs more per call, which shows at tens of thousands of commits a second.
const open = promisify(fs.open);
const close = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const ftruncate = promisify(fs.ftruncate);
const stat = promisify(fs.stat);

function writev(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, buffers, position, (error, written) => {
      if (error) reject(error);
      else resolve(written);
    });
  });
}

function nodeFile(fd: number): OpenFile {
  return {
    writev: (buffers, position) => writev(fd, buffers, position),
    datasync: () => fdatasync(fd),
    sync: () => fsync(fd),
    truncate: (size) => ftruncate(fd, size),
    close: () => close(fd),
  };
}

function nodeSyncFile(fd: number): OpenSyncFile {
  return {
    read: (buffer, position) => fs.readSync(fd, buffer, 0, buffer.length, position),
    size: () => fs.fstatSync(fd).size,
    close: () => fs.closeSync(fd),
  };
}

async function syncDirectory(path: string): Promise<void> {
  const fd = await open(path, "r");
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}

async function makeFolder(folder: string): Promise<void> {
  const path = resolve(folder);
  const first = await fs.promises.mkdir(path, { recursive: true, mode: FOLDER_MODE });
  // Without this a power cut could take the folder away with everything that was synced inside it. The nearest parent
  // is synced even when nothing was made: the run that made it may have died before it came to this.
  const top = first === undefined ? dirname(path) : dirname(first);
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    await syncDirectory(parent).catch((error: unknown) => {
      if (!UNSYNCABLE.has(systemErrorCode(error))) throw error;
    });
    if (parent === top || parent === dirname(parent)) return;
  }
}

/** The real disk. */
export const nodeFileSystem: FileSystem = {
  open: async (path, mode) => nodeFile(await open(path, FLAGS[mode], FILE_MODE)),
  rename: (from, to) => fs.promises.rename(from, to),
  unlink: (path) => fs.promises.unlink(path),
  mkdir: makeFolder,
  readdir: (path) => fs.promises.readdir(path),
  stat: async (path) => {
    const { size, mtimeMs } = await stat(path);
    return { size, mtimeMs };
  },
  touch: (path) => {
    const now = new Date();
    return fs.promises.utimes(path, now, now);
  },
  readFile: (path) => fs.promises.readFile(path),
  syncDirectory,
  sync: {
    open: (path) => nodeSyncFile(fs.openSync(path, "r")),
    readFile: (path) => fs.readFileSync(path),
    readdir: (path) => fs.readdirSync(path),
  },
};
