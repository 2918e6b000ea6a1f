// A whole collector on a data directory. Prints its HTTP port when it receives, and runs until it is killed.
import { createApi } from "../../dist/api/index.js";
import { createLogger, defaultConfig, startCollector } from "../../dist/collector/index.js";

const collector = await startCollector(defaultConfig({}), {
  dataDir: process.argv[2],
  httpPort: 0,
  grpcPort: 0,
  logger: createLogger("warn"),
  createApi,
});
process.stdout.write(`${collector.ports.http}\n`);
