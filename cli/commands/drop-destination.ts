import { type Command } from "commander";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { callServer, requireServer } from "../server-client.js";

/** `drop-destination`: gives up what a destination that is no longer configured has not delivered. */
export function addDropDestinationCommand(program: Command, io: Io): void {
  withDataDir(program.command("drop-destination"))
    .description(
      "forget a destination that was taken out of the configuration, with what it had not delivered",
    )
    .argument("<name>", "destination, as `status` calls it")
    .addHelpText(
      "after",
      `
The journal keeps data for a removed destination until it is dropped, so that taking it out by mistake loses nothing.
Needs a running server. The mirror keeps everything.

Examples:
  counterfoil drop-destination otlp_http/backup`,
    )
    .action(async (name: string, options: { readonly dataDir: string }) => {
      const server = requireServer(options.dataDir);
      await callServer(server, {
        method: "POST",
        path: "/api/v1/drop",
        body: { to: name },
        signal: io.signal,
      });
      await write(io.stdout, `Dropped ${name}.\n`);
    });
}
