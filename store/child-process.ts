import { spawn, type ChildProcess } from "node:child_process";
import { getPriority, setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { CHILD_NICENESS } from "../schema/index.js";

/** What the operating system lets a child process use. */
export interface ProcessLimits {
  /** V8's heap, megabytes; 256 when absent. */
  readonly heapMb?: number;
  /** One half of V8's space for young objects, megabytes; V8's own choice, up to 16, where absent. */
  readonly youngHeapMb?: number;
  /** Private memory (RLIMIT_DATA), megabytes (2^20). */
  readonly memoryMb: number;
  /** Absent for a process that stays. */
  readonly cpuSeconds?: number;
  /** Largest file that it may write, bytes. */
  readonly fileBytesMax: number;
}

/** What a child process for one piece of work may use. */
export interface ChildLimits extends ProcessLimits {
  /** Wall time after which it is killed, milliseconds. */
  readonly timeoutMs: number;
}

/** How a child ended. `answer` is its one JSON line, undefined when it gave none. */
export interface ChildExit<Answer> {
  readonly answer: Answer | undefined;
  readonly timedOut: boolean;
  /** For error texts: exit code or signal, and its last words. */
  readonly description: string;
}

/** setpriority(2) */
const NICENESS_MAX = 19;
const STDERR_CHARS_MAX = 2_000;
const HEAP_MB = 256;
/**
 * Megabytes of requests and vectors pass outside V8's heap, which it takes for pressure on a heap of some MB and marks over
 * and over, on threads beside the work: 3 % of a sealer's CPU, by profile.
 */
const MARK_AT_ONCE = "--no-incremental-marking";

/**
 * Options of Node that profile: a profile of this process without its children would say little. One whose value is an
 * argument of its own (`--cpu-prof-dir x`) is left out: without it Node would not start.
 */
const isProfiling = (option: string, at: number, all: readonly string[]): boolean =>
  /^--(cpu-prof|heap-prof|perf-)/.test(option) && all[at + 1]?.startsWith("--") !== false;

/**
 * The child's command line. A POSIX shell sets the limits that only a process can set for itself: data segment
 * (RLIMIT_AS would count what V8 only reserves), CPU time, size of a written file, no core dump. They hold whatever
 * the child does. Windows has no such limits: there the deadline alone holds.
 */
function command(module: URL, limits: ProcessLimits): { file: string; args: string[] } {
  const heap = `--max-old-space-size=${limits.heapMb ?? HEAP_MB}`;
  const young = limits.youngHeapMb === undefined ? [] : [`--max-semi-space-size=${limits.youngHeapMb}`];
  const options = [...process.execArgv.filter(isProfiling), heap, ...young, MARK_AT_ONCE];
  const node = [...options, fileURLToPath(module)];
  if (process.platform === "win32") return { file: process.execPath, args: node };
  const wanted = [
    `-d ${Math.ceil(limits.memoryMb * 1024)}`,
    ...(limits.cpuSeconds === undefined ? [] : [`-t ${Math.ceil(limits.cpuSeconds)}`]),
    `-f ${Math.ceil(limits.fileBytesMax / 512)}`,
    "-c 0",
  ];
  // A lower hard limit may forbid one of them: then that one already holds.
  const script = `${wanted.map((limit) => `ulimit ${limit} 2>/dev/null;`).join(" ")} exec "$@"`;
  return { file: "/bin/sh", args: ["-c", script, "sh", process.execPath, ...node] };
}

interface Collected {
  readonly stdout: string;
  readonly stderr: string;
  readonly how: string;
  readonly timedOut: boolean;
}

function collect(child: ChildProcess, timeoutMs: number): Promise<Collected> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    child.stdout?.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-STDERR_CHARS_MAX);
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ stdout, stderr, how: signal === null ? `code ${code}` : `signal ${signal}`, timedOut });
    });
  });
}

/**
 * Starts a built `.child.js` module in `workDir` with an empty environment, so no secret of this process is in its reach,
 * below this process's priority by `niceness`. With `messages` it has a channel for structured values beside its standard
 * streams. `poolThreads` is the number of libuv's threads (4 otherwise), on which DuckDB runs what is asked of it.
 */
export function startChild(
  module: URL,
  options: {
    workDir: string;
    limits: ProcessLimits;
    messages?: true;
    niceness?: number;
    poolThreads?: number;
  },
): ChildProcess {
  const { file, args } = command(module, options.limits);
  const child = spawn(file, args, {
    stdio: ["pipe", "pipe", "pipe", ...(options.messages === true ? (["ipc"] as const) : [])],
    serialization: "advanced",
    cwd: options.workDir,
    env: {
      TMPDIR: options.workDir,
      MALLOC_ARENA_MAX: "2",
      ...(options.poolThreads === undefined ? {} : { UV_THREADPOOL_SIZE: String(options.poolThreads) }),
    },
  });
  yieldToIngest(child, options.niceness ?? CHILD_NICENESS);
  // EPIPE when the child dies early: its exit tells more.
  child.stdin?.on("error", () => undefined);
  return child;
}

/**
 * Runs a built `.child.js` module once: sends `request` as one JSON line, waits for one JSON line back. The child
 * ends when this process does. Rejects only when it can't be started. `signal` kills it.
 */
export async function runJsonChild<Answer>(
  module: URL,
  request: unknown,
  options: { workDir: string; limits: ChildLimits; signal?: AbortSignal },
): Promise<ChildExit<Answer>> {
  const child = startChild(module, options);
  const kill = (): void => void child.kill("SIGKILL");
  options.signal?.addEventListener("abort", kill, { once: true });
  try {
    const exited = collect(child, options.limits.timeoutMs);
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { stdout, stderr, how, timedOut } = await exited;
    const words = stderr.trim() === "" ? "" : `; its last words: ${stderr.trim().slice(-400)}`;
    return { answer: parseAnswer<Answer>(stdout), timedOut, description: `${how}${words}` };
  } finally {
    options.signal?.removeEventListener("abort", kill);
  }
}

/** Sealing, reading and compacting take what receiving leaves of the processor; threads inherit it. */
function yieldToIngest({ pid }: ChildProcess, niceness: number): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, Math.min(NICENESS_MAX, getPriority() + niceness));
  } catch {
    // It has ended already, or the system does not allow it: then it runs as everything else does.
  }
}

function parseAnswer<Answer>(text: string): Answer | undefined {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    return undefined;
  }
}
