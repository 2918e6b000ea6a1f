import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { MODELS } from "../load/workload.js";
import { measureIngest } from "../ingest.js";
import { median } from "../measure/percentiles.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";

const ROUNDS = 3;
const SECONDS_MAX = 10;
const PERCENT_MAX = 35;
const PRICING_PERCENT_MAX = 3;

/**
 * What the GenAI columns cost: the same bodies with every `gen_ai.` key renamed to one of the same length that no rule
 * knows. The bytes, spans and attributes are the same; no column is filled from them.
 */
async function cost(context: BenchContext, kind: "content" | "lean"): Promise<Row> {
  const cpu = { known: [] as number[], unknown: [] as number[] };
  for (let round = 0; round < (context.quick ? 1 : ROUNDS); round++) {
    for (const keys of ["known", "unknown"] as const) {
      context.log(`normalising: ${kind}, round ${round + 1}, ${keys} keys`);
      const bodies = bodySet(context, kind, keys === "unknown" ? { unknownKeys: true } : {});
      const seconds = Math.min(SECONDS_MAX, context.seconds);
      cpu[keys].push((await measureIngest(context, { bodies, seconds })).cpuMicrosPerSpan);
    }
  }
  const [known, unknown] = [median(cpu.known), median(cpu.unknown)];
  return {
    id: `normalising.${kind}`,
    measure: `cost of normalising ${kind} spans, CPU from request to Parquet`,
    value: 100 * (known / unknown - 1),
    unit: "% more",
    target: { at: "most", value: PERCENT_MAX },
    floors: [],
    note: `${known.toFixed(1)} us/span; ${unknown.toFixed(1)} with the same attributes under names that no rule knows`,
  };
}

/** A file with a price for every model of the load. */
function pricesFile(context: BenchContext): string {
  const path = join(context.folder, "prices.yaml");
  const prices = MODELS.map((model) => ({
    provider: model.startsWith("c") ? "anthropic" : "openai",
    models: [model],
    input: 1.25,
    output: 10,
    cache_read: 0.125,
    cache_write: 1.5,
    published: "the benchmark's own",
  }));
  // JSON is YAML.
  writeFileSync(path, JSON.stringify({ prices }));
  return path;
}

/** What pricing costs: every call has a price, or, with the same bytes but for the models' names, none. */
async function pricing(context: BenchContext): Promise<Row> {
  const cpu = { priced: [] as number[], unpriced: [] as number[] };
  const server = { pricesFile: pricesFile(context) };
  for (let round = 0; round < (context.quick ? 1 : ROUNDS); round++) {
    for (const calls of ["priced", "unpriced"] as const) {
      context.log(`normalising: pricing, round ${round + 1}, ${calls} calls`);
      const bodies = bodySet(context, "lean", calls === "unpriced" ? { unknownModels: true } : {});
      const seconds = Math.min(SECONDS_MAX, context.seconds);
      cpu[calls].push((await measureIngest(context, { bodies, seconds, server })).cpuMicrosPerSpan);
    }
  }
  const [priced, unpriced] = [median(cpu.priced), median(cpu.unpriced)];
  return {
    id: "normalising.pricing",
    measure: "cost of pricing the calls of lean spans, CPU from request to Parquet",
    value: 100 * (priced / unpriced - 1),
    unit: "% more",
    target: { at: "most", value: PRICING_PERCENT_MAX },
    floors: [],
    note: `${priced.toFixed(1)} us/span; ${unpriced.toFixed(1)} with models that have no price`,
  };
}

/** What the GenAI rules cost. */
export const normalising: Scenario = {
  name: "normalising",
  about:
    "Server CPU per span with GenAI attributes, beside the same requests with names that no rule knows, in turn, three times; and with models that have a price, beside those that have none.",
  async run(context) {
    return { rows: [await cost(context, "content"), await cost(context, "lean"), await pricing(context)] };
  },
};
