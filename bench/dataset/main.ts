import { parseArgs } from "node:util";
import { buildDataset } from "./build.js";
import { measureQueries } from "./queries.js";

/** `node dist/bench/dataset/main.js`: makes the dataset, or finds it, and measures the queries of an analyst over it. */

const { values: args } = parseArgs({
  options: {
    spans: { type: "string", default: "10000000" },
    days: { type: "string", default: "30" },
    content: { type: "string", default: "0.1" },
    runs: { type: "string", default: "11" },
    threads: { type: "string", default: "2" },
  },
});

const dataDir = await buildDataset({
  spans: Number(args.spans),
  days: Number(args.days),
  contentShare: Number(args.content),
  onProgress: (text) => console.error(text),
});
console.log(`data directory: ${dataDir}`);
await measureQueries(dataDir, { runs: Number(args.runs), threads: Number(args.threads) });
