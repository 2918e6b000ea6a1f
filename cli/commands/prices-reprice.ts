import { type Command } from "commander";
import { dataDirPaths, readEffectivePrices, type RewriteReport } from "../../store/index.js";
import { EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { pointInTime, requireDataDir, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { formatCount, formatUsd } from "../output/values.js";

interface RepriceOptions {
  readonly dataDir: string;
  readonly since?: Date;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

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
    .action((options: RepriceOptions) => reprice(options, io));
}

async function reprice(options: RepriceOptions, io: Io): Promise<void> {
  const { dataDir, since } = options;
  requireDataDir(dataDir);
  const { renormalise } = await import("../renormalise/renormalise.js");
  const dryRun = options.dryRun === true;
  const progress = createProgress({ label: "pricing", stream: io.stderr, unit: "bytes" });
  let report: RewriteReport;
  try {
    report = await renormalise({
      rewrite: { kind: "reprice" },
      dataDir,
      all: true,
      sinceUnixNano: since === undefined ? undefined : BigInt(since.getTime()) * 1_000_000n,
      dryRun,
      onProgress: (done, total) => progress.update(done, total),
      signal: io.signal,
    });
  } finally {
    progress.end();
  }
  const { version } = readEffectivePrices(dataDirPaths(dataDir).prices);
  await write(
    io.stdout,
    options.json === true
      ? `${JSON.stringify({ dry_run: dryRun, price_version: version, ...report }, null, 2)}\n`
      : text(report, version, dryRun),
  );
  if (report.damaged.length > 0) io.exitCode = EXIT.damaged;
}

function text({ changes, cost, damaged, rows }: RewriteReport, version: string, dryRun: boolean): string {
  const left = damaged.map(
    (path) => `${path} is damaged and was left alone. \`counterfoil scrub\` repairs what can be.\n`,
  );
  const difference = cost.afterUsd - cost.beforeUsd;
  const sign = difference >= 0 ? "+" : "-";
  const changed = formatCount(changes["cost_usd"] ?? 0);
  return [
    `${formatCount(rows)} spans looked at by prices ${version}; the cost of ${changed} ${dryRun ? "would change" : "changed"}.\n`,
    `${formatUsd(cost.beforeUsd)} -> ${formatUsd(cost.afterUsd)} (${sign}${formatUsd(Math.abs(difference))})\n`,
    ...left,
  ].join("");
}
