import type { ChildProcess } from "node:child_process";
import { rm } from "node:fs/promises";
import { QUERY_OUTPUT_BYTES_MAX, QUERY_PROCESS_OVERHEAD_MB } from "../../schema/index.js";
import { startChild } from "../child-process.js";
import type { FromReader, ReaderAnswer, ReaderQuery, ReaderSetup, ToReader } from "./reader-types.js";

const CHILD = new URL("./reader.child.js", import.meta.url);

/** Why a query has no answer: its process is gone. */
export class ReaderProcessGone extends Error {}

/** One process of a reader, from its start to its end. */
export class ReaderProcess {
  /** Resolves when the process has ended and its folder is gone. */
  readonly ended: Promise<void>;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<
    number,
    { resolve: (answer: ReaderAnswer) => void; reject: (error: Error) => void }
  >();
  #gone: ReaderProcessGone | undefined;

  constructor(setup: ReaderSetup) {
    this.#child = startChild(CHILD, {
      workDir: setup.workDir,
      messages: true,
      limits: {
        memoryMb: setup.memoryMb + QUERY_PROCESS_OVERHEAD_MB,
        fileBytesMax: QUERY_OUTPUT_BYTES_MAX,
      },
    });
    let words = "";
    this.#child.stdout?.resume();
    this.#child.stderr
      ?.setEncoding("utf8")
      .on("data", (text: string) => (words = (words + text).slice(-400)));
    this.#child.on("message", (message) => this.#settle(message as FromReader));
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#fail(`${how}${words.trim() === "" ? "" : `; its last words: ${words.trim()}`}`);
        void rm(setup.workDir, { recursive: true, force: true }).then(resolve, resolve);
      };
      this.#child.once("error", (error) => end(error.message));
      this.#child.once("exit", (code, signal) => end(signal === null ? `code ${code}` : `signal ${signal}`));
    });
    this.#send({ setup });
    this.#letGo();
  }

  /** Whether it can still be asked. */
  get alive(): boolean {
    return this.#gone === undefined;
  }

  /** Rejects with {@link ReaderProcessGone} when the process ends before it answers. */
  ask(query: ReaderQuery): Promise<ReaderAnswer> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const answer = new Promise<ReaderAnswer>((resolve, reject) => {
      this.#waiting.set(query.id, { resolve, reject });
    });
    this.#child.ref();
    this.#child.channel?.ref();
    try {
      this.#send({ query });
    } catch (error) {
      // What can't be sent is never answered: the promise must not be rejected when the process ends, with nobody there.
      this.#waiting.delete(query.id);
      this.#letGo();
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
    return answer;
  }

  /** Stops a query: it is answered with an error soon. */
  cancel(id: number): void {
    if (this.#waiting.has(id)) this.#send({ cancel: id });
  }

  kill(): void {
    // Who waits for its end must not run out of things to wait for.
    this.#child.ref();
    this.#child.kill("SIGKILL");
  }

  #send(message: ToReader): void {
    // An error means that it ends; its exit tells more.
    this.#child.send(message, () => undefined);
  }

  #settle({ id, answer }: FromReader): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#letGo();
    waiting?.resolve(answer);
  }

  #fail(how: string): void {
    this.#gone ??= new ReaderProcessGone(`the process of the mirror's reader ended with ${how}`);
    for (const { reject } of this.#waiting.values()) reject(this.#gone);
    this.#waiting.clear();
  }

  /** A process that nobody waits for does not keep this one alive. */
  #letGo(): void {
    if (this.#waiting.size > 0) return;
    this.#child.unref();
    this.#child.channel?.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout, this.#child.stderr]) {
      (stream as { unref?: () => void } | null)?.unref?.();
    }
  }
}
