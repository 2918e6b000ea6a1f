import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A real file system of its own, which can be filled and taken away. */
export interface SmallDisk {
  readonly path: string;
  /** Writes a file that leaves `bytesLeft` free. */
  fillTo(bytesLeft: number): void;
  /** Takes the file system away from under whoever uses it. */
  detach(): void;
  close(): void;
}

const CHUNK_BYTES = 1 << 20;

function mount(...args: string[]): void {
  execFileSync("mount", args, { stdio: ["ignore", "ignore", "pipe"] });
}

/** Mounts a tmpfs; undefined where that is not allowed (not root, not Linux). */
export function mountSmallDisk(bytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), "counterfoil-disk-"));
  try {
    mount("-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "counterfoil-test", path);
  } catch {
    rmSync(path, { recursive: true });
    return undefined;
  }
  const ballast = join(path, "ballast");
  const detach = (): void => void execFileSync("umount", ["-l", path], { stdio: "ignore" });
  return {
    path,
    fillTo: (bytesLeft) => {
      const { bavail, bsize } = statfsSync(path);
      const chunk = Buffer.alloc(CHUNK_BYTES, 1);
      for (let left = bavail * bsize - bytesLeft; left > 0; left -= CHUNK_BYTES) {
        writeFileSync(ballast, chunk.subarray(0, Math.min(left, CHUNK_BYTES)), { flag: "a" });
      }
    },
    detach,
    close: () => {
      try {
        detach();
      } catch {
        // Detached by the test already.
      }
      rmSync(path, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

/** Said once by a test file that can't have one. */
export const NO_SMALL_DISK = "skipped: mounting a small file system needs root on Linux";
