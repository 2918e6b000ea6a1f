import { type Command } from "commander";
import { type CheckResult, runCheck, type Check } from "../doctor/check.js";
import {
  duckdbCheck,
  fsyncCheck,
  nodeCheck,
  portCheck,
  spaceCheck,
  writableCheck,
} from "../doctor/machine.js";
import { pricesCheck } from "../doctor/prices.js";
import { deadLetterCheck, journalCheck, lockCheck, mirrorCheck } from "../doctor/state.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { inertLines } from "../output/text.js";
import { readServerFile } from "../server-file.js";
import { readSource } from "./validate.js";

interface DoctorOptions {
  readonly dataDir: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** `doctor`: one line per thing that goes wrong in practice, each with what to do. */
export function addDoctorCommand(program: Command, io: Io): void {
  withDataDir(program.command("doctor"))
    .description("check this machine, the data directory, the configuration and the destinations")
    .option("--config <file>", "configuration file that `start` is used with")
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Exits with 1 when a check fails; warnings alone exit with 0. No key leaves the machine.

Examples:
  counterfoil doctor
  counterfoil doctor --config counterfoil.yaml --json`,
    )
    .action((options: DoctorOptions) => doctor(options, io));
}

async function doctor(options: DoctorOptions, io: Io): Promise<void> {
  const results: CheckResult[] = [];
  for (const check of await checks(options, io)) {
    io.signal.throwIfAborted();
    const result = await runCheck(check, "Look at the message; it is not something that doctor expects.");
    results.push(result);
    if (!options.json) await write(io.stdout, line(result, io));
  }
  if (options.json) await write(io.stdout, `${JSON.stringify(results, null, 2)}\n`);
  const failed = results.filter(({ status }) => status === "fail").length;
  const warned = results.filter(({ status }) => status === "warn").length;
  if (failed > 0) io.exitCode = EXIT.failure;
  if (!options.json)
    await write(io.stdout, `\n${results.length} checks, ${warned} warning(s), ${failed} failure(s)\n`);
}

async function checks(options: DoctorOptions, io: Io): Promise<Check[]> {
  const { dataDir } = options;
  const { configCheck, destinationChecks } = await import("../doctor/configured.js");
  const reading = await readSource(options.config, io);
  const server = readServerFile(dataDir);
  const holder = server === undefined ? undefined : `Counterfoil itself (pid ${server.pid})`;
  const { http, grpc } = reading.config ?? {};
  const ports: Check[] = [];
  if (http !== undefined)
    ports.push(
      portCheck("port http", { host: http.host || "0.0.0.0", port: server?.http_port ?? http.port }, holder),
    );
  if (grpc !== undefined)
    ports.push(
      portCheck("port grpc", { host: grpc.host || "0.0.0.0", port: server?.grpc_port ?? grpc.port }, holder),
    );
  return [
    nodeCheck,
    duckdbCheck,
    writableCheck(dataDir),
    spaceCheck(dataDir),
    fsyncCheck(dataDir),
    lockCheck(dataDir),
    journalCheck(dataDir),
    mirrorCheck(dataDir),
    deadLetterCheck(dataDir),
    pricesCheck(dataDir, io),
    configCheck(reading),
    ...ports,
    ...destinationChecks(reading),
  ];
}

const MARK = { ok: "ok  ", warn: "warn", fail: "fail" } as const;
const NAME_CELLS = 18;

function line({ name, status, detail, advice }: CheckResult, io: Io): string {
  const paint = { ok: io.paint.good, warn: io.paint.warn, fail: io.paint.bad }[status];
  const indent = " ".repeat(NAME_CELLS + 6);
  const text = inertLines(detail).replaceAll("\n", `\n${indent}`);
  const hint = advice === undefined ? "" : `\n${indent}${io.paint.dim(`-> ${inertLines(advice)}`)}`;
  return `${paint(MARK[status])}  ${inertLines(name).padEnd(NAME_CELLS)}${text}${hint}\n`;
}
