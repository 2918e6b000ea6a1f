import { mirrorRows } from "../query.js";
import { readMirrorOnDisk } from "../offline.js";
import type { Io } from "../io.js";
import { inert } from "../output/text.js";
import { formatCount } from "../output/values.js";
import { type Check, ok, warn } from "./check.js";

/** Models that are listed; the first are those with the most calls. */
const MODELS_MAX = 10;

interface UnpricedRow {
  readonly provider: string | null;
  readonly model: string | null;
  readonly tier: string | null;
  readonly calls: number | string;
  readonly models: number | string;
}

const UNPRICED = `SELECT provider, coalesce(response_model, request_model) AS model, service_tier AS tier,
  count(*) AS calls, count(*) OVER () AS models
FROM spans
WHERE usage_scope = 'own' AND cost_usd IS NULL AND (input_tokens > 0 OR output_tokens > 0)
GROUP BY ALL ORDER BY calls DESC, provider, model, tier LIMIT ${MODELS_MAX}`;

/** Whether every model that was used has a known price. */
export function pricesCheck(dataDir: string, io: Io): Check {
  return {
    name: "prices",
    async run() {
      const mirror = readMirrorOnDisk(dataDir);
      if (!mirror?.files.some(({ table }) => table === "spans")) return ok("no spans yet");
      const rows = await mirrorRows<UnpricedRow>(io, dataDir, UNPRICED);
      const [first] = rows;
      if (first === undefined) return ok("every call that reported tokens has a cost");
      const lines = rows.map(
        ({ calls, model, provider, tier }) =>
          `${inert(provider ?? "(no provider)")} ${inert(model ?? "(no model)")}${tier === null ? "" : ` [${inert(tier)}]`}: ${formatCount(Number(calls))} call(s)`,
      );
      const more = Number(first.models) - rows.length;
      return warn(
        `models in use whose cost is not known:\n${lines.join("\n")}${more > 0 ? `\nand ${formatCount(more)} more` : ""}`,
        "Set a price for them in a price file or as a record (docs/cost.md); their tokens are counted, their cost stays null.",
      );
    },
  };
}
