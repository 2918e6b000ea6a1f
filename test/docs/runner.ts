import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Block } from "./page.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const MAIN = join(ROOT, "dist/cli/main.js");
const READY_MS = 60_000;
const BLOCK_MS = 60_000;
/** What many pages begin with. The first one runs it; the others get a copy of the folder that it made. */
const DEMO = "npx counterfoil demo --data-dir counterfoil-data";

/** What one block did. */
export interface BlockResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface ServerFile {
  readonly pid: number;
  readonly url: string;
  readonly http_port: number;
  readonly grpc_port?: number;
}

let madeByDemo: { readonly folder: string; readonly result: BlockResult } | undefined;

/** A reader at their terminal: one temporary directory, one environment, at most one server, per page. */
export class PageRunner {
  readonly #root = mkdtempSync(join(tmpdir(), "counterfoil-docs-"));
  readonly cwd = join(this.#root, "work");
  readonly #env: NodeJS.ProcessEnv;
  #server: { child: ChildProcess; output: () => string; file: ServerFile } | undefined;
  #blocks = 0;

  constructor() {
    const bin = join(this.#root, "bin");
    for (const path of [bin, this.cwd, join(this.cwd, "node_modules")]) mkdirSync(path, { recursive: true });
    // The reader's folder has the packages installed and, as after a build from the repository, `dist` and `examples`.
    symlinkSync(join(ROOT, "node_modules"), join(this.#root, "node_modules"));
    symlinkSync(ROOT, join(this.cwd, "node_modules", "counterfoil"));
    for (const folder of ["dist", "examples"]) symlinkSync(join(ROOT, folder), join(this.cwd, folder));
    // `start` takes free ports here; the pages show the default ones, which rewrite() replaces.
    script(
      join(bin, "counterfoil"),
      `args=("$@")\nif [ "\${1:-}" = start ]; then args+=(--port 0 --grpc-port 0); fi\nexec "${process.execPath}" "${MAIN}" "\${args[@]}"`,
    );
    script(
      join(bin, "npx"),
      `if [ "\${1:-}" = counterfoil ]; then shift; exec counterfoil "$@"; fi\nexit 127`,
    );
    // A newcomer's machine has only Node: what else a page uses has a stand-in.
    for (const tool of ["curl", "duckdb"]) {
      if (onPath(tool)) continue;
      script(join(bin, tool), `exec "${process.execPath}" "${join(ROOT, `test/docs/${tool}-cli.mjs`)}" "$@"`);
    }
    this.#env = {
      ...cleanEnv(),
      PATH: `${bin}:${process.env["PATH"] ?? ""}`,
      HOME: this.#root,
      NO_COLOR: "1",
    };
  }

  /** Whether blocks of the page speak to the default ports, so that a server must be there. */
  static needsServer(blocks: readonly Block[]): boolean {
    return blocks.some(
      (block) =>
        block.action === "run" && /:431[78]\b|OTEL_EXPORTER|register\(|\bexamples\//.test(block.text),
    );
  }

  /** Writes a file that a page shows. Ports are the server's, or any free one while none runs. */
  writeFile(name: string, text: string): void {
    writeFileSync(join(this.cwd, name), this.#rewrite(text));
  }

  /** Starts the command of a `run server` block (or a plain `start`) and waits until it serves. */
  async startServer(command = "counterfoil start"): Promise<void> {
    if (this.#server !== undefined) throw new Error("a page can start only one server at a time");
    const child = spawn("bash", ["-c", `exec ${this.#rewrite(command.trim())}`], {
      cwd: this.cwd,
      env: this.#env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = collect(child);
    const path = join(this.cwd, "counterfoil-data", "server.json");
    const deadline = Date.now() + READY_MS;
    while (!existsSync(path)) {
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`the server did not start:\n${output()}`);
      await pause(50);
    }
    this.#server = { child, output, file: JSON.parse(readFileSync(path, "utf8")) as ServerFile };
  }

  get hasServer(): boolean {
    return this.#server !== undefined;
  }

  /** Runs a block after everything sent before is in the mirror, as it would be for someone who types. */
  async run(block: Block): Promise<BlockResult> {
    await this.#settled();
    const text = this.#rewrite(block.text);
    this.#blocks += 1;
    if (block.language === "sql") return this.#spawn("counterfoil", ["sql", text]);
    if (/^(?:js|mjs|javascript)$/.test(block.language)) {
      const file = join(this.cwd, `block-${this.#blocks}.mjs`);
      writeFileSync(file, text);
      return this.#spawn(process.execPath, [file]);
    }
    if (/^(?:sh|bash|shell)$/.test(block.language)) {
      if (text.trim() === DEMO && this.#server === undefined) return await this.#demo();
      return this.#spawn("bash", ["-euo", "pipefail", "-c", text]);
    }
    throw new Error(`line ${block.line}: blocks of "${block.language}" can't be run`);
  }

  async #demo(): Promise<BlockResult> {
    const data = join(this.cwd, "counterfoil-data");
    if (madeByDemo === undefined) {
      const result = await this.#spawn("bash", ["-euo", "pipefail", "-c", DEMO]);
      if (result.exitCode !== 0) return result;
      const folder = mkdtempSync(join(tmpdir(), "counterfoil-docs-demo-"));
      process.once("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));
      madeByDemo = { folder, result };
      cpSync(data, folder, { recursive: true, preserveTimestamps: true });
    } else {
      cpSync(madeByDemo.folder, data, { recursive: true, preserveTimestamps: true });
    }
    return madeByDemo.result;
  }

  /** Stops the server and removes the directory. Fails when the server did not end well. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    try {
      if (server === undefined) return;
      const ended = new Promise<number | null>((resolve) => server.child.once("exit", resolve));
      if (server.child.exitCode === null) server.child.kill("SIGTERM");
      const code = server.child.exitCode ?? (await ended);
      if (code !== 0) throw new Error(`the server ended with ${code}:\n${server.output()}`);
    } finally {
      rmSync(this.#root, { recursive: true, force: true, maxRetries: 20 });
    }
  }

  #rewrite(text: string): string {
    const file = this.#server?.file;
    return text
      .replace(/(127\.0\.0\.1|localhost|0\.0\.0\.0):4318\b/g, `$1:${file?.http_port ?? 0}`)
      .replace(/(127\.0\.0\.1|localhost|0\.0\.0\.0):4317\b/g, `$1:${file?.grpc_port ?? 0}`);
  }

  async #spawn(command: string, args: readonly string[]): Promise<BlockResult> {
    const url = this.#server?.file.url;
    const child = spawn(command, args, {
      cwd: this.cwd,
      env: { ...this.#env, ...(url === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: url }) },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: BLOCK_MS,
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { exitCode, stdout, stderr };
  }

  /** Waits until the mirror has everything that was accepted. */
  async #settled(): Promise<void> {
    const url = this.#server?.file.url;
    if (url === undefined) return;
    const deadline = Date.now() + READY_MS;
    while (Date.now() < deadline) {
      if (!(await mirrorWaits(url))) return;
      await pause(50);
    }
    throw new Error("the mirror did not catch up");
  }
}

async function mirrorWaits(url: string): Promise<boolean> {
  const response = await fetch(`${url}/api/v1/status`);
  const status = (await response.json()) as {
    destinations: { name: string; waiting: Record<string, number> }[];
  };
  const mirror = status.destinations.find((destination) => destination.name === "mirror");
  if (mirror === undefined) throw new Error("the status names no mirror");
  return Object.values(mirror.waiting).some((count) => count > 0);
}

function collect(child: ChildProcess): () => string {
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (part: string) => (text += part));
  return () => text;
}

/** The environment without anything that would change what a page shows, or send data to a real account. */
function cleanEnv(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) =>
        !/^(?:LANGSMITH|LANGCHAIN|OTEL|COUNTERFOIL|OPENAI|ANTHROPIC|VITEST|NODE_OPTIONS)/.test(name),
    ),
  );
}

function onPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, command)));
}

function script(path: string, body: string): void {
  writeFileSync(path, `#!/usr/bin/env bash\n${body}\n`);
  chmodSync(path, 0o755);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
