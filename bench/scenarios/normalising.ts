import { measureIngest } from "../ingest.js";
import { median } from "../measure/percentiles.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";

const ROUNDS = 3;
const SECONDS_MAX = 10;
const PERCENT_MAX = 35;

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

/** What the GenAI rules cost. */
export const normalising: Scenario = {
  name: "normalising",
  about:
    "Server CPU per span with GenAI attributes, beside the same requests with names that no rule knows, in turn, three times.",
  async run(context) {
    return { rows: [await cost(context, "content"), await cost(context, "lean")] };
  },
};
