import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { ItemCounts } from "../../journal/index.js";
import type { BodySet } from "./bodies.js";

/** What lies in a journal. */
export interface Backlog {
  readonly spans: number;
  readonly bytes: number;
}

/** How much to write, and which times it gets. */
export interface JournalFill {
  readonly spans: number;
  /** Spread over this many days; 0 or absent: everything now. */
  readonly days?: number;
  /** The spread ends this many days ago. */
  readonly endDaysAgo?: number;
  /** The journal goes on after this position, of which it may know nothing itself. */
  readonly after?: { readonly sealedSeq: number; readonly sealedCounts: ItemCounts };
}

/** A journal that was written and synced by a process which then died by SIGKILL. */
export async function fillJournal(
  journalDir: string,
  bodies: BodySet,
  amount: JournalFill,
): Promise<Backlog> {
  mkdirSync(journalDir, { recursive: true, mode: 0o700 });
  const args = [journalDir, JSON.stringify(bodies), JSON.stringify(amount)];
  const child = fork(new URL("./journal-fill.child.js", import.meta.url), args);
  const [backlog] = (await once(child, "message")) as [Backlog];
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  return backlog;
}
