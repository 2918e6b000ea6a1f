// A whole collector that dies by SIGKILL over what a rule makes: "before" it is written or "after", once the parent says
// which on standard input. Prints its HTTP port when it receives, and "armed" when it will die.
import { createInterface } from "node:readline";
import { createApi } from "../../dist/api/index.js";
import { createLogger, defaultConfig, startCollector } from "../../dist/collector/index.js";

let death = "";
createInterface({ input: process.stdin }).on("line", (line) => {
  death = line;
  process.stdout.write("armed\n");
});

const isOfRule = ({ signal, payload }) =>
  signal === "records" && Buffer.from(payload).includes('"type":"rule_run"');

const collector = await startCollector(defaultConfig({}), {
  dataDir: process.argv[2],
  httpPort: 0,
  grpcPort: 0,
  logger: createLogger("warn"),
  createApi: (host) =>
    createApi({
      ...host,
      append: async (entry) => {
        const dies = isOfRule(entry);
        if (dies && death === "before") process.kill(process.pid, "SIGKILL");
        const seq = await host.append(entry);
        if (dies && death === "after") process.kill(process.pid, "SIGKILL");
        return seq;
      },
    }),
});
process.stdout.write(`${collector.ports.http}\n`);
