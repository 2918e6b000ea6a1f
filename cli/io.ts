import { type ExitCode, EXIT } from "./exit-codes.js";
import { createPaint, type Paint, wantsColor } from "./output/paint.js";

/** The part of a process that commands talk to. */
export interface Io {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Styles for standard output and for standard error. */
  readonly paint: Paint;
  readonly paintError: Paint;
  /** Aborted by the first Ctrl-C or SIGTERM; the reason is the signal's name. A second one ends the process at once. */
  readonly signal: AbortSignal;
  /** Set by a command that ends well but has bad news: `doctor`, `validate`. */
  exitCode: ExitCode;
}

/** The real thing, for `main`. Installs the signal handlers. */
export function createIo(): Io {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (stop.signal.aborted) process.exit(exitCodeOfSignal(name));
      stop.abort(name);
    });
  }
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    paint: createPaint(wantsColor(process.stdout, process.env)),
    paintError: createPaint(wantsColor(process.stderr, process.env)),
    signal: stop.signal,
    exitCode: EXIT.ok,
  };
}

/** 130 for Ctrl-C, 143 for SIGTERM, as shells have it. */
export function exitCodeOfSignal(reason: unknown): ExitCode {
  return reason === "SIGTERM" ? EXIT.terminated : EXIT.interrupted;
}

/** Cells of the terminal behind standard output; undefined when it is a file or a pipe. */
export function terminalWidth(io: Io): number | undefined {
  return io.stdout.isTTY ? io.stdout.columns || 80 : undefined;
}

/** Writes and waits until the stream took it, so that a slow pipe can't fill the memory. */
export async function write(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  if (text.length === 0) return;
  await new Promise<void>((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });
}
