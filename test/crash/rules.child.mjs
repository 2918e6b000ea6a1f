// A whole collector that dies by SIGKILL over what a rule makes ("before" it is written or "after"), or over what an evaluator
// answered ("before answer", "after answer"), once the parent says which on standard input. Prints its HTTP port when it receives, and "armed" when it will die.
import { createInterface } from "node:readline";
import { createApi } from "../../dist/api/index.js";
import { createLogger, defaultConfig, startCollector } from "../../dist/collector/index.js";

let death = "";
createInterface({ input: process.stdin }).on("line", (line) => {
  death = line;
  process.stdout.write("armed\n");
});

const isOfDeath = ({ signal, payload }) => {
  if (signal !== "records" || death === "") return false;
  const what = death.endsWith("answer") ? '"evaluator_name":"peer"' : '"type":"rule_run"';
  return Buffer.from(payload).includes(what);
};

const collector = await startCollector(defaultConfig({}), {
  dataDir: process.argv[2],
  httpPort: 0,
  grpcPort: 0,
  logger: createLogger("warn"),
  createApi: (host) =>
    createApi({
      ...host,
      append: async (entry) => {
        const dies = isOfDeath(entry);
        if (dies && death.startsWith("before")) process.kill(process.pid, "SIGKILL");
        const seq = await host.append(entry);
        if (dies && death.startsWith("after")) process.kill(process.pid, "SIGKILL");
        return seq;
      },
    }),
});
process.stdout.write(`${collector.ports.http}\n`);
