import { once } from "node:events";
import { type Command, Option } from "commander";
import type { CollectorConfig } from "../../collector/config/index.js";
import { commandName } from "../command-name.js";
import { type Io, write } from "../io.js";
import { wholeNumber, withDataDir } from "../options.js";
import { VERSION } from "../version.js";

const PORT_MAX = 65_535;
const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;

interface StartOptions {
  readonly dataDir: string;
  readonly config?: string;
  readonly host?: string;
  readonly port?: number;
  readonly grpcPort?: number;
  readonly logLevel?: CollectorConfig["logLevel"];
}

/** `start`: the collector in the foreground until Ctrl-C or SIGTERM. */
export function addStartCommand(program: Command, io: Io): void {
  const port = wholeNumber(0, PORT_MAX);
  withDataDir(program.command("start"))
    .description("receive OTLP, keep everything in the mirror, and send it on")
    .option(
      "--config <file>",
      "configuration file in YAML (otherwise OTLP in, mirror out, LangSmith when its key is set)",
    )
    .option("--host <address>", "address to listen on (otherwise the configuration's, 127.0.0.1)")
    .option(
      "--port <port>",
      "port for OTLP over HTTP, 0 for any free one (otherwise the configuration's, 4318)",
      port,
    )
    .option(
      "--grpc-port <port>",
      "port for OTLP over gRPC, 0 for any free one (otherwise the configuration's, 4317)",
      port,
    )
    .addOption(
      new Option(
        "--log-level <level>",
        "log to standard error from this level on (otherwise the configuration's, info)",
      ).choices(LOG_LEVELS),
    )
    .addHelpText(
      "after",
      `
Ctrl-C or SIGTERM finishes what was begun and stops; a second one stops at once. Nothing acknowledged is lost either way.

Examples:
  counterfoil start
  counterfoil start --port 0 --grpc-port 0 --data-dir /tmp/try
  LANGSMITH_API_KEY=... counterfoil start
  counterfoil start --config counterfoil.yaml`,
    )
    .action((options: StartOptions) => start(options, io));
}

async function start(options: StartOptions, io: Io): Promise<void> {
  // Loaded here so that the other commands do not pay for it.
  const [{ defaultConfig, formatProblems, loadConfig }, { serve }, { startBanner }] = await Promise.all([
    import("../../collector/config/index.js"),
    import("../start/serve.js"),
    import("../start/banner.js"),
  ]);
  let config: CollectorConfig;
  if (options.config === undefined) {
    config = defaultConfig(io.env);
  } else {
    const reading = loadConfig(options.config, io.env);
    config = reading.config;
    if (reading.warnings.length > 0) {
      await write(
        io.stderr,
        `${io.paintError.warn("warnings:")}\n${formatProblems(reading.file, reading.warnings)}\n`,
      );
    }
  }
  const serving = await serve({
    config,
    dataDir: options.dataDir,
    host: options.host,
    httpPort: options.port,
    grpcPort: options.grpcPort,
    logLevel: options.logLevel,
  });
  try {
    const command = commandName(process.argv[1], io.env, process.cwd());
    const facts = { version: VERSION, dataDir: options.dataDir, config, command };
    await write(
      io.stdout,
      startBanner({ ...facts, httpUrl: serving.httpUrl, grpcUrl: serving.grpcUrl }, io.paint),
    );
    if (!io.signal.aborted) await once(io.signal, "abort");
    await write(io.stderr, "Stopping: finishing requests and flushing...\n");
  } finally {
    await serving.stop();
  }
  await write(io.stderr, "Stopped. Everything acknowledged is on disk.\n");
}
