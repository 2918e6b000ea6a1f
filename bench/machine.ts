import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem, tmpdir } from "node:os";
import duckdb from "@duckdb/node-api";

/** Where figures come from. Without it they say nothing. */
export interface MachineFacts {
  readonly date: string;
  /** Commit that was built, with `+` when the work tree had changes. */
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gib: number;
  /** File system of the measured data directories, and its device. */
  readonly file_system: string;
  readonly kernel: string;
  readonly node: string;
  readonly duckdb: string;
  /** Load average over the minute before the run: other work on the machine. */
  readonly load_average: number;
}

function output(file: string, args: readonly string[]): string {
  try {
    return execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return "";
  }
}

function commit(): string {
  const id = output("git", ["rev-parse", "--short=10", "HEAD"]);
  if (id === "") return "unknown";
  return output("git", ["status", "--porcelain", "--untracked-files=no"]) === "" ? id : `${id}+`;
}

/** The machine that this runs on. */
export function machineFacts(): MachineFacts {
  const [, type = "unknown", device = ""] =
    /\n(\S+)\s+(\S+)/.exec(output("df", ["--output=fstype,source", tmpdir()])) ?? [];
  return {
    date: new Date().toISOString(),
    commit: commit(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memory_gib: Math.round(totalmem() / 2 ** 30),
    file_system: `${type} on ${device.replace(/^\/dev\//, "")}`,
    kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    node: process.version,
    duckdb: duckdb.version(),
    load_average: Number(readFileSync("/proc/loadavg", "utf8").split(" ")[0]),
  };
}
