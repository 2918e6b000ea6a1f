import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CLI = fileURLToPath(new URL("../../cli/main.js", import.meta.url));
const KILL_POINTS = fileURLToPath(new URL("./kill-points.js", import.meta.url));
const STDERR_CHARS = 4_000;

/** How {@link SoakServer.start} starts. */
export interface SoakServerOptions {
  readonly dataDir: string;
  readonly config: string;
  /** `name:n`: the process kills itself at the n-th passing of a point (see kill-points.ts). */
  readonly killPoint?: string;
}

/** One `counterfoil start` process. */
export class SoakServer {
  readonly #child: ChildProcess;
  readonly #startedAt = performance.now();
  readonly #exited: Promise<unknown>;
  readonly #options: SoakServerOptions;
  #lastWords = "";

  private constructor(options: SoakServerOptions) {
    this.#options = options;
    const { dataDir, config, killPoint } = options;
    const preload = killPoint === undefined ? [] : ["--import", KILL_POINTS];
    const args = [CLI, "start", "--config", config, "--data-dir", dataDir, "--log-level", "warn"];
    this.#child = spawn(process.execPath, [...preload, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env["PATH"], COUNTERFOIL_KILL_POINT: killPoint },
    });
    this.#exited = once(this.#child, "exit");
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#lastWords = (this.#lastWords + text).slice(-STDERR_CHARS);
    });
  }

  static start(options: SoakServerOptions): SoakServer {
    return new SoakServer(options);
  }

  get gone(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** Resolves when the process has ended, with how it ended. */
  async exited(): Promise<string> {
    await this.#exited;
    return this.#child.signalCode ?? `code ${this.#child.exitCode}`;
  }

  /** The end of what it wrote to standard error. */
  get lastWords(): string {
    return this.#lastWords;
  }

  /**
   * Waits for the line that says that it receives. Returns how long that took, and how much of it the main thread and
   * the worker that waited longest were ready to run while other programs had the processor, milliseconds (0 where the
   * system does not tell). Undefined when the process ended before.
   */
  async ready(): Promise<{ startMs: number; waitedMs: number } | undefined> {
    if (this.#child.stdout === null) throw new Error("no standard output");
    for await (const line of createInterface({ input: this.#child.stdout })) {
      if (!line.includes("is ready")) continue;
      const startMs = performance.now() - this.#startedAt;
      this.#child.stdout.resume();
      return { startMs, waitedMs: this.#queuedMs() };
    }
    await this.#exited;
    return undefined;
  }

  ports(): { http: number; grpc: number } {
    const file = JSON.parse(readFileSync(join(this.#options.dataDir, "server.json"), "utf8")) as {
      http_port: number;
      grpc_port: number;
    };
    return { http: file.http_port, grpc: file.grpc_port };
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Ends it in the ordinary way. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#exited;
    if (this.#child.exitCode !== 0)
      throw new Error(`counterfoil start did not stop cleanly: ${this.#lastWords}`);
  }

  /** Time on the run queue: the second number of /proc/<pid>/task/<thread>/schedstat, nanoseconds. */
  #queuedMs(): number {
    const tasks = `/proc/${this.#child.pid}/task`;
    let main = 0;
    let longest = 0;
    try {
      for (const thread of readdirSync(tasks)) {
        const queued = Number(readFileSync(join(tasks, thread, "schedstat"), "utf8").split(" ")[1]) / 1e6;
        if (Number(thread) === this.#child.pid) main = queued;
        else longest = Math.max(longest, queued);
      }
    } catch {
      // Not Linux, or a thread ended meanwhile: what was seen so far counts.
    }
    return main + longest;
  }
}
