import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { BodySet } from "./bodies.js";

/** What lies in a journal. */
export interface Backlog {
  readonly spans: number;
  readonly bytes: number;
}

/**
 * A journal that was written and synced by a process which then died by SIGKILL. `days`: spread over that much of the
 * past instead of now.
 */
export async function fillJournal(
  journalDir: string,
  bodies: BodySet,
  amount: { readonly spans: number; readonly days?: number },
): Promise<Backlog> {
  mkdirSync(journalDir, { recursive: true, mode: 0o700 });
  const args = [journalDir, JSON.stringify(bodies), String(amount.spans), String(amount.days ?? 0)];
  const child = fork(new URL("./journal-fill.child.js", import.meta.url), args);
  const [backlog] = (await once(child, "message")) as [Backlog];
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
  return backlog;
}
