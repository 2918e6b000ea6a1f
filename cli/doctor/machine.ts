import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  openSync,
  rmSync,
  statfsSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { formatBytes } from "../output/values.js";
import { type Check, fail, type Finding, ok, warn } from "./check.js";

/** Node releases that `package.json` allows. */
const NODE_MIN = [20, 19] as const;
const SPACE_FAIL_BYTES = 100 * 1024 * 1024;
const SPACE_WARN_BYTES = 1024 * 1024 * 1024;
const FSYNC_PROBES = 20;
const FSYNC_PROBE_BYTES = 4096;
/** Above this every acknowledgement is slow: the disk is busy, or on a network. */
const FSYNC_WARN_MS = 20;

/** Node's version. */
export const nodeCheck: Check = {
  name: "node",
  run() {
    const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
    const good = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1]);
    const detail = `${process.version} on ${process.platform}-${process.arch}`;
    return good ? ok(detail) : fail(detail, `Install Node ${NODE_MIN.join(".")} or newer.`);
  },
};

/** Whether DuckDB's native library loads, computes, and writes Parquet with zstd in memory. */
export const duckdbCheck: Check = {
  name: "duckdb",
  async run() {
    const { DuckDBInstance, version } = await import("@duckdb/node-api");
    const instance = await DuckDBInstance.create(":memory:", {
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    });
    const connection = await instance.connect();
    try {
      const reader = await connection.runAndReadAll(
        "SELECT sum(i)::INTEGER AS total, (SELECT count(*)::INTEGER FROM duckdb_extensions() WHERE extension_name IN ('parquet', 'json') AND loaded) AS extensions FROM range(101) t(i)",
      );
      const [row] = reader.getRowsJson();
      if (row?.[0] !== 5050) return fail("it loads, but computes wrongly", "Run `npm ci` again.");
      if (row[1] !== 2) return fail("parquet or json support is missing", "Run `npm ci` again.");
      return ok(`${version()} loads, with parquet and json`);
    } finally {
      connection.closeSync();
      instance.closeSync();
    }
  },
};

/** The folder itself, or the nearest one above that exists. */
function existing(path: string): string {
  const full = resolve(path);
  return existsSync(full) || dirname(full) === full ? full : existing(dirname(full));
}

/** Whether the data directory can be written. */
export function writableCheck(dataDir: string): Check {
  return {
    name: "data directory",
    run() {
      const folder = existing(dataDir);
      const isThere = folder === resolve(dataDir);
      try {
        accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
      } catch {
        return fail(`${folder} can't be written`, "Change its owner or mode, or choose another --data-dir.");
      }
      return ok(
        isThere ? `${resolve(dataDir)} can be written` : `${resolve(dataDir)} will be made by \`start\``,
      );
    },
  };
}

/** Free space under the data directory. */
export function spaceCheck(dataDir: string): Check {
  return {
    name: "disk space",
    run() {
      const { bavail, bsize } = statfsSync(existing(dataDir));
      const free = bavail * bsize;
      const detail = `${formatBytes(free)} free`;
      const advice = "Free some space, or set mirror.retention and journal.max_size in the configuration.";
      if (free < SPACE_FAIL_BYTES) return fail(detail, advice);
      return free < SPACE_WARN_BYTES ? warn(detail, advice) : ok(detail);
    },
  };
}

/** How long the disk takes to make a small write durable: what every acknowledgement waits for. */
export function fsyncCheck(dataDir: string): Check {
  return {
    name: "fsync latency",
    run(): Finding {
      const path = join(existing(dataDir), `.counterfoil-doctor-${process.pid}`);
      const file = openSync(path, "wx", 0o600);
      const times: number[] = [];
      try {
        const bytes = new Uint8Array(FSYNC_PROBE_BYTES);
        for (let probe = 0; probe < FSYNC_PROBES; probe++) {
          const startedAt = performance.now();
          writeSync(file, bytes);
          fdatasyncSync(file);
          times.push(performance.now() - startedAt);
        }
      } finally {
        closeSync(file);
        rmSync(path, { force: true });
      }
      times.sort((a, b) => a - b);
      const median = times[Math.floor(times.length / 2)] ?? 0;
      const detail = `median ${median.toFixed(2)} ms, worst ${(times.at(-1) ?? 0).toFixed(1)} ms over ${FSYNC_PROBES} writes`;
      if (median <= FSYNC_WARN_MS) return ok(detail);
      return warn(detail, "Put the data directory on a local disk: each acknowledgement waits this long.");
    },
  };
}

/** Whether an address can be listened on. `holder` says who is allowed to have it already. */
export function portCheck(name: string, address: { host: string; port: number }, holder?: string): Check {
  const shown = `${address.host}:${address.port}`;
  return {
    name,
    async run() {
      if (holder !== undefined) return ok(`${shown} is served by ${holder}`);
      if (address.port === 0) return ok("any free port");
      const problem = await tryListen(address);
      if (problem === undefined) return ok(`${shown} is free`);
      if (problem === "EADDRINUSE") {
        return warn(
          `${shown} is taken by another program`,
          "Stop it, or start with another --port / --grpc-port (0 takes a free one).",
        );
      }
      return fail(`${shown} can't be listened on (${problem})`, "Choose another --host or port.");
    },
  };
}

/** Listens once and stops; gives the system's error code, undefined when it worked. */
export async function tryListen(address: { host: string; port: number }): Promise<string | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
    server.listen(address.port, address.host, () => server.close(() => done(undefined)));
  });
}
