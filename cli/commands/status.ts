import { type Command } from "commander";
import { type Io, terminalWidth, write } from "../io.js";
import { requireDataDir, withDataDir } from "../options.js";
import { callServer, findServer } from "../server-client.js";
import { readOfflineStatus } from "../status/offline.js";
import { renderStatus } from "../status/render.js";
import { type Status } from "../status/types.js";

interface StatusOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** `status`: asks the running server, or reads the files when there is none. */
export function addStatusCommand(program: Command, io: Io): void {
  withDataDir(program.command("status"))
    .description("show what was accepted and where each destination stands, with or without a server")
    .option("--json", "print the status as JSON")
    .addHelpText(
      "after",
      `
For each destination and signal: accepted = delivered + filtered + waiting + dead letter.

Examples:
  counterfoil status
  counterfoil status --json | jq '.destinations[] | {name, state, waiting}'`,
    )
    .action((options: StatusOptions) => status(options, io));
}

async function status(options: StatusOptions, io: Io): Promise<void> {
  requireDataDir(options.dataDir);
  const server = findServer(options.dataDir);
  const found =
    server === undefined
      ? readOfflineStatus(options.dataDir)
      : ((await callServer(server, { method: "GET", path: "/api/v1/status", signal: io.signal })) as Status);
  if (options.json) return write(io.stdout, `${JSON.stringify(found, null, 2)}\n`);
  const running =
    server === undefined
      ? "none runs (or none with HTTP); this is what the files say"
      : `pid ${server.pid} serves ${server.url} since ${server.started_at}`;
  return write(
    io.stdout,
    `server   ${running}\n${renderStatus(found, { paint: io.paint, width: terminalWidth(io) })}`,
  );
}
