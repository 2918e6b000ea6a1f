import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync } from "node:fs";
import { open, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Mode of every file below the data directory: telemetry holds prompts, so only the owner reads it. */
export const FILE_MODE = 0o600;

/** Makes a rename or unlink in `folder` survive a power cut. Windows has no such call and needs none. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces `path` so that a crash leaves the old bytes or the new ones, never a mixture. */
export async function replaceFile(path: string, bytes: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const handle = await open(temporary, "wx", FILE_MODE);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  syncFolder(dirname(path));
}

/** Like {@link replaceFile} without the syncs: for files that can be made again. */
export async function replaceDerivedFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, text, { mode: FILE_MODE, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A file that only grows. */
export interface AppendFile {
  /** Writes at the end and syncs. After a rejection the end of the file is unknown. */
  append(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** The file operations that the catalog needs: the seam where tests make disks fail. */
export interface CatalogFileSystem {
  /** Opens a file for appending after cutting it to `length` bytes. */
  openForAppend(path: string, length: number): Promise<AppendFile>;
  /** See {@link replaceFile}. */
  replace(path: string, bytes: string): Promise<void>;
}

/** The real disk. */
export const nodeCatalogFileSystem: CatalogFileSystem = {
  async openForAppend(path, length) {
    const handle = await open(path, "r+");
    try {
      if ((await handle.stat()).size !== length) {
        await handle.truncate(length);
        await handle.sync();
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    let position = length;
    return {
      async append(bytes) {
        for (let offset = 0; offset < bytes.length;) {
          const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset, position);
          offset += bytesWritten;
          position += bytesWritten;
        }
        await handle.datasync();
      },
      close: () => handle.close(),
    };
  },
  replace: replaceFile,
};
