import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const SOAK = fileURLToPath(new URL("../../dist/bench/soak/main.js", import.meta.url));

/** A soak starts dozens of servers, one after the other. */
export const SOAK_TIMEOUT_MS = 600_000;

/** Runs the built soak to its end; gives what it printed. */
export async function soak(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, [SOAK, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { code: child.exitCode, output: stdout + stderr };
}
