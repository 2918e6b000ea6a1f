import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError, EXIT } from "../exit-codes.js";
import type { Io } from "../io.js";
import { keysIn } from "./keys.js";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";

/** A terminal whose every key is read and whose whole screen is drawn. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  /** Draws these lines from the top; each must fit. */
  draw(lines: readonly string[]): void;
  /** The next key; undefined when there will be none any more, or when the command was stopped. */
  nextKey(): Promise<string | undefined>;
  /** Lets the user's editor change a text; undefined when the editor failed. */
  edit(text: string): Promise<string | undefined>;
}

type Tty = Io["stdin"] & { readonly isTTY?: boolean; setRawMode(on: boolean): unknown };

/**
 * Runs work with the terminal in raw mode on a screen of its own, and gives the terminal back as it was however the work or the
 * process ends. Throws when standard input and output are no terminal.
 */
export async function withTerminal<T>(io: Io, work: (terminal: Terminal) => Promise<T>): Promise<T> {
  const stdin = io.stdin as Tty;
  if (!stdin.isTTY || !io.stdout.isTTY) {
    throw new CommandError(
      EXIT.usage,
      "This needs a terminal, as it reads single keys. Without one, review over HTTP: /api/v1/queues (docs/feedback.md).",
    );
  }
  const screen = new Screen(io, stdin);
  const restore = (): void => screen.leave();
  // A terminal that is closed must not keep what is open reserved: the work ends, and gives it back.
  let isHungUp = false;
  const hangUp = (): void => {
    isHungUp = true;
    screen.hangUp();
  };
  process.once("exit", restore).once("SIGHUP", hangUp);
  try {
    screen.enter();
    return await work(screen);
  } finally {
    restore();
    process.removeListener("exit", restore).removeListener("SIGHUP", hangUp);
    // As it would have ended; at its own end Node sets a terminal back, and aborts when there is none.
    if (isHungUp) process.kill(process.pid, "SIGHUP");
  }
}

class Screen implements Terminal {
  readonly #io: Io;
  readonly #stdin: Tty;
  readonly #keys: string[] = [];
  #waiting: ((key: string | undefined) => void) | undefined;
  #ended = false;
  #isOpen = false;
  /** The terminal was closed: whatever is written to it fails. */
  #isGone = false;

  constructor(io: Io, stdin: Tty) {
    this.#io = io;
    this.#stdin = stdin;
  }

  get columns(): number {
    return this.#io.stdout.columns || 80;
  }

  get rows(): number {
    return this.#io.stdout.rows || 24;
  }

  enter(): void {
    if (this.#isOpen || this.#isGone) return;
    this.#isOpen = true;
    this.#stdin.setRawMode(true);
    this.#stdin.setEncoding("utf8");
    this.#stdin.on("data", this.#onData).on("end", this.#onEnd).on("error", this.hangUp);
    this.#io.signal.addEventListener("abort", this.#onEnd);
    this.#io.stdout.on("resize", this.#onResize);
    this.#stdin.resume();
    this.#io.stdout.write(ENTER);
  }

  leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    if (!this.#isGone) this.#io.stdout.write(LEAVE);
    this.#stdin.removeListener("data", this.#onData).removeListener("end", this.#onEnd);
    this.#io.signal.removeEventListener("abort", this.#onEnd);
    this.#io.stdout.removeListener("resize", this.#onResize);
    this.#stdin.pause();
    if (this.#isGone) return;
    this.#stdin.removeListener("error", this.hangUp);
    this.#stdin.setRawMode(false);
  }

  draw(lines: readonly string[]): void {
    if (this.#isGone) return;
    this.#io.stdout.write(`\u001b[H${lines.map((line) => `${line}\u001b[K`).join("\r\n")}\u001b[J`);
  }

  async nextKey(): Promise<string | undefined> {
    if (this.#io.signal.aborted) return undefined;
    const key = this.#keys.shift();
    if (key !== undefined || this.#ended) return key;
    return new Promise((resolve) => (this.#waiting = resolve));
  }

  async edit(text: string): Promise<string | undefined> {
    const folder = mkdtempSync(join(tmpdir(), "counterfoil-review-"));
    const file = join(folder, "correction.json");
    this.leave();
    try {
      writeFileSync(file, text, { mode: 0o600 });
      return (await this.#editFile(file)) ? readFileSync(file, "utf8") : undefined;
    } finally {
      rmSync(folder, { recursive: true, force: true });
      this.enter();
    }
  }

  #editFile(file: string): Promise<boolean> {
    const { env } = this.#io;
    // As git does: the variable may have arguments, so the shell takes it apart.
    const editor = env["VISUAL"] || env["EDITOR"] || "vi";
    return new Promise((resolve) => {
      const child = spawn("/bin/sh", ["-c", `${editor} "$1"`, "sh", file], { stdio: "inherit" });
      child.once("error", () => resolve(false));
      child.once("close", (code) => resolve(code === 0));
    });
  }

  readonly #onData = (chunk: string | Buffer): void => {
    this.#keys.push(...keysIn(String(chunk)));
    this.#tell();
  };

  /** There is no terminal any more: no key will come, and nothing can be drawn. */
  readonly hangUp = (): void => {
    this.#isGone = true;
    this.#onEnd();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#tell();
  };

  /** A key that means nothing but: draw again. */
  readonly #onResize = (): void => {
    this.#keys.push("resize");
    this.#tell();
  };

  #tell(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || (this.#keys.length === 0 && !this.#ended)) return;
    this.#waiting = undefined;
    waiting(this.#io.signal.aborted ? undefined : this.#keys.shift());
  }
}
