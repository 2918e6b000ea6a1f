import { CommanderError } from "commander";
import { CounterfoilError, errorMessage } from "../schema/index.js";
import { CommandError, EXIT, exitCodeOf, type ExitCode } from "./exit-codes.js";
import { exitCodeOfSignal, type Io } from "./io.js";
import { inertLines } from "./output/text.js";
import { createProgram } from "./program.js";
import { closeReaders } from "./query.js";

/** Runs one command line and gives the exit code. Errors are printed to standard error, never thrown. */
export async function runCli(args: readonly string[], io: Io): Promise<ExitCode> {
  try {
    await (await createProgram(io, args)).parseAsync([...args], { from: "user" });
    return io.exitCode;
  } catch (error) {
    return report(error, io);
  } finally {
    await closeReaders();
  }
}

function report(error: unknown, io: Io): ExitCode {
  // Commander has printed its message already; help and version are no errors.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (io.signal.aborted) {
    io.stderr.write("Interrupted.\n");
    return exitCodeOfSignal(io.signal.reason);
  }
  io.stderr.write(`${io.paintError.bad("error:")} ${inertLines(errorMessage(error))}\n`);
  if (error instanceof CounterfoilError) return exitCodeOf(error.code);
  if (error instanceof CommandError) return error.exitCode;
  // Anything else is a defect: show where, it is needed for a report.
  if (io.env["COUNTERFOIL_DEBUG"] && error instanceof Error) io.stderr.write(`${error.stack ?? ""}\n`);
  return EXIT.failure;
}
