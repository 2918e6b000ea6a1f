import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The repository's root, with a slash at the end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** How a Node process ended. */
export interface NodeResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running Node process and the promise of its end. */
export interface RunningNode {
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<NodeResult>;
  /** Settles when the process has written this text on stdout. */
  said(text: string): Promise<void>;
}

/** Variables that would leak from the test's own environment. */
const OWN = /^(OTEL_|LANGSMITH_|NODE_OPTIONS|VITEST)/;

/** Starts Node in the repository's root with a clean environment. */
export function startNode(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  cwd = ROOT,
): RunningNode {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !OWN.test(key)));
  const child = spawn(process.execPath, args, { cwd, env: { ...clean, ...env } });
  let stdout = "";
  let stderr = "";
  const waiting: (() => void)[] = [];
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    for (const check of waiting) check();
  });
  child.stderr.on("data", (data: Buffer) => {
    stderr += data.toString();
  });
  const ended = new Promise<NodeResult>((resolve) => {
    child.once("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return {
    process: child,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (stdout.includes(text)) resolve();
        };
        waiting.push(check);
        check();
        void ended.then(() => reject(new Error(`the process ended without saying ${text}: ${stderr}`)));
      }),
  };
}

/** Runs a program given as text, as an ES module, to its end. */
export function runModule(code: string, env: Readonly<Record<string, string>> = {}): Promise<NodeResult> {
  return startNode(["--input-type=module", "--eval", code], env).ended;
}
