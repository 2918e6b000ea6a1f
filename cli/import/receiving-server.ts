import { dataDirOwner } from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { findServer } from "../server-client.js";

/** A server on a data directory for as long as a command needs it. */
export interface ReceivingServer {
  readonly url: string;
  /** Stops it if it was started for this. */
  stop(): Promise<void>;
}

/**
 * The server that runs on a data directory, or one that is started in this process: on a free port of this machine, with
 * the mirror as its only destination. Others get what came when their server starts.
 */
export async function receivingServer(dataDir: string): Promise<ReceivingServer> {
  const running = findServer(dataDir);
  if (running !== undefined) return { url: running.url, stop: async () => undefined };
  const owner = await dataDirOwner(dataDir);
  if (owner !== undefined) {
    throw new CommandError(
      EXIT.dataDirLocked,
      `Process ${owner.pid} owns ${dataDir} and has no HTTP port to ask. Stop it first.`,
    );
  }
  const [{ defaultConfig }, { serve }] = await Promise.all([
    import("../../collector/config/index.js"),
    import("../start/serve.js"),
  ]);
  const serving = await serve({
    config: defaultConfig({}),
    dataDir,
    host: "127.0.0.1",
    httpPort: 0,
    grpcPort: 0,
    logLevel: "error",
  });
  return { url: serving.httpUrl ?? "", stop: () => serving.stop() };
}
