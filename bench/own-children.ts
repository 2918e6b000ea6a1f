import type { ChildProcess } from "node:child_process";

/** Children that must not outlive this process, and whether each leads a process group of its own. */
const children = new Map<ChildProcess, boolean>();

function killAll(): void {
  for (const [{ pid }, group] of children) {
    try {
      if (pid !== undefined) process.kill(group ? -pid : pid, "SIGKILL");
    } catch {
      // It has ended.
    }
  }
}

process.once("exit", killAll);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

/** Kills the child (or its group) when this process ends, however it ends short of SIGKILL. */
export function ownChild<Child extends ChildProcess>(child: Child, group = false): Child {
  children.set(child, group);
  child.once("exit", () => children.delete(child));
  return child;
}
