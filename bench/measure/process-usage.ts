import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

/** What a process has used. */
export interface ProcessUsage {
  /** User and system, all threads, and the children that have ended. */
  readonly cpuSeconds: number;
  readonly rssBytes: number;
}

/** Usage of one process, from /proc. */
export function processUsage(pid: number): ProcessUsage {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const rss = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0);
  return { cpuSeconds: ticks / TICKS_PER_SECOND, rssBytes: rss * 1024 };
}

/** Process ids of a process's children, and theirs. */
export function descendants(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) => {
      const children = readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean);
      return children.flatMap((child) => [Number(child), ...descendants(Number(child))]);
    });
  } catch {
    return [];
  }
}

/** Usage of a process with all its descendants. Those that end while it is read count as nothing. */
export function treeUsage(pid: number): ProcessUsage {
  let cpuSeconds = 0;
  let rssBytes = 0;
  for (const each of [pid, ...descendants(pid)]) {
    try {
      const usage = processUsage(each);
      cpuSeconds += usage.cpuSeconds;
      rssBytes += usage.rssBytes;
    } catch {
      // It has ended: its parent counts it now.
    }
  }
  return { cpuSeconds, rssBytes };
}

/**
 * Memory of a process with all its descendants: what is each one's own, and once what they share (the code of Node and
 * DuckDB), as if nobody else on the machine ran the same programs. Reading it walks page tables, so not often.
 */
export function treeMemoryBytes(pid: number): number {
  let ownKib = 0;
  let sharedKib = 0;
  for (const each of [pid, ...descendants(pid)]) {
    try {
      const rollup = readFileSync(`/proc/${each}/smaps_rollup`, "utf8");
      const kib = (kind: string): number =>
        Number(new RegExp(`^${kind}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
      ownKib += kib("Private_Clean") + kib("Private_Dirty");
      sharedKib = Math.max(sharedKib, kib("Shared_Clean") + kib("Shared_Dirty"));
    } catch {
      // It has ended.
    }
  }
  return (ownKib + sharedKib) * 1024;
}
