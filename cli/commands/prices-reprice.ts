import { type Command } from "commander";
import { dataDirPaths, readEffectivePrices, type RewriteReport } from "../../store/index.js";
import type { Io } from "../io.js";
import { pointInTime, withDataDir } from "../options.js";
import { formatCount, formatUsd } from "../output/values.js";
import { type RewriteOptions, runRewrite } from "../renormalise/run-rewrite.js";

/** `prices reprice`: prices what is in the mirror by the prices that are in effect now. */
export function addRepriceCommand(prices: Command, io: Io): void {
  withDataDir(prices.command("reprice"))
    .description("price the calls that are in the mirror anew, by the prices in effect")
    .option(
      "--since <time>",
      "only files with a span that started at or after: ISO time, date, or how long ago (2h, 7d)",
      pointInTime,
    )
    .option("--dry-run", "only tell what would change, in dollars")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Costs that emitters reported stay. Rows then name the price_version that they were priced by. The other GenAI columns are
filled by the rules of this version, as \`counterfoil renormalise\` does. Works with or without a server; interrupt it at any
time, and run it again to go on: what is priced right already is left alone.

Exit codes: 0 done; 10 damaged files were left alone (\`counterfoil scrub\` repairs them).

Examples:
  counterfoil prices reprice --dry-run
  counterfoil prices reprice --since 30d`,
    )
    .action((options: RewriteOptions) => reprice(options, io));
}

async function reprice(options: RewriteOptions, io: Io): Promise<void> {
  const dryRun = options.dryRun === true;
  // Read once the work is done: it is the table that the last rows were priced by.
  const version = (): string => readEffectivePrices(dataDirPaths(options.dataDir).prices).version;
  const command = {
    rewrite: { kind: "reprice" },
    all: true,
    label: "pricing",
    facts: () => ({ price_version: version() }),
    text: (report: RewriteReport) => text(report, version(), dryRun),
  } as const;
  await runRewrite(options, command, io);
}

function text({ changes, cost, rows }: RewriteReport, version: string, dryRun: boolean): string {
  const difference = cost.afterUsd - cost.beforeUsd;
  const sign = difference >= 0 ? "+" : "-";
  const changed = formatCount(changes["cost_usd"] ?? 0);
  return [
    `${formatCount(rows)} spans looked at by prices ${version}; the cost of ${changed} ${dryRun ? "would change" : "changed"}.\n`,
    `${formatUsd(cost.beforeUsd)} -> ${formatUsd(cost.afterUsd)} (${sign}${formatUsd(Math.abs(difference))})\n`,
  ].join("");
}
