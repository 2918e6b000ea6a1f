import { type Command } from "commander";
import { dataOfPrice, type OriginatedPrice, PriceIndex, type PriceTable } from "../../schema/index.js";
import { dataDirPaths, readEffectivePrices, readPricesOfVersion } from "../../store/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, terminalWidth, write } from "../io.js";
import { shown, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { addRepriceCommand } from "./prices-reprice.js";
import { addPriceRecordCommands } from "./prices-set.js";

interface TableOptions {
  readonly dataDir: string;
  /** A version of the table other than the one in effect. */
  readonly version?: string;
  readonly json?: boolean;
}

interface ListOptions extends TableOptions {
  readonly provider?: string;
  readonly model?: string;
}

/** `prices list`, `prices show`, `prices check` and `prices reprice`. */
export function addPricesCommand(program: Command, io: Io): void {
  const prices = program
    .command("prices")
    .description("see the prices that calls are costed by, check a file of one's own, price history anew");
  withDataDir(prices.command("list"))
    .description("list the prices in effect, US dollars for a million tokens")
    .option("--provider <name>", "only this provider, as the column `provider` has it")
    .option(
      "--model <name>",
      "only those that a call of this model may have, the first to fit at its time first",
    )
    .option("--table <version>", "the prices of this price_version instead of those in effect")
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil prices list --provider openai
  counterfoil prices list --provider anthropic --model claude-sonnet-4-5-20250929`,
    )
    .action(({ table, ...options }: ListOptions & { readonly table?: string }) =>
      list({ ...options, ...(table === undefined ? {} : { version: table }) }, io),
    );
  withDataDir(prices.command("show"))
    .description("show one price whole, in the form that a price file takes")
    .argument("<id>", "id of the price, as `prices list` prints it")
    .option("--table <version>", "the prices of this price_version instead of those in effect")
    .option("--json", "print JSON instead of YAML")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil prices show openai/gpt-4o-mini
  counterfoil prices show anthropic/claude-haiku-4-5 --json`,
    )
    .action((id: string, { table, ...options }: TableOptions & { readonly table?: string }) =>
      show(id, { ...options, ...(table === undefined ? {} : { version: table }) }, io),
    );
  withDataDir(prices.command("check"))
    .description("check a price file and report every error with its line")
    .argument("<file>", "YAML or JSON file with a list `prices`")
    .addHelpText(
      "after",
      `
The file goes into the configuration as prices.file; docs/cost.md describes it.

Examples:
  counterfoil prices check prices.yaml`,
    )
    .action((file: string) => check(file, io));
  addPriceRecordCommands(prices, io);
  addRepriceCommand(prices, io);
}

/** The table in effect, or the one of a version. */
function tableOf({ dataDir, version }: TableOptions): PriceTable {
  const folder = dataDirPaths(dataDir).prices;
  if (version === undefined) return readEffectivePrices(folder);
  const table = readPricesOfVersion(folder, version);
  if (table !== undefined) return table;
  throw new CommandError(
    EXIT.notFound,
    `${dataDir} has no price table of version ${shown(version)}. The versions that rows were priced by: counterfoil sql "SELECT DISTINCT price_version FROM spans".`,
  );
}

async function list(options: ListOptions, io: Io): Promise<void> {
  const table = tableOf(options);
  const { model, provider } = options;
  const providers = [...new Set(table.prices.map((price) => price.provider))].filter(
    (name) => provider === undefined || name === provider,
  );
  const index = new PriceIndex(table);
  const found =
    model === undefined
      ? table.prices.filter((price) => providers.includes(price.provider))
      : providers.flatMap((name) => index.candidates(name, model).map(({ price }) => price));
  if (options.json === true) return write(io.stdout, `${JSON.stringify(found.map(asData), null, 2)}\n`);
  if (found.length === 0) {
    await write(io.stderr, `No price fits; set one as docs/cost.md shows. Table ${table.version}.\n`);
    return undefined;
  }
  const text = renderTable({
    columns: [
      { name: "id" },
      { name: "input", align: "right" },
      { name: "output", align: "right" },
      { name: "cache read", align: "right" },
      { name: "cache write", align: "right" },
      { name: "from" },
      { name: "until" },
      { name: "origin" },
    ],
    rows: found.flatMap(rowsOf),
    width: terminalWidth(io),
    heading: io.paint.bold,
  });
  return write(io.stdout, `${text}${io.paint.dim(`price_version ${table.version}`)}\n`);
}

function asData(price: OriginatedPrice): unknown {
  return { id: price.id, origin: price.origin, ...dataOfPrice(price) };
}

/** One row a tier. */
function rowsOf({ id, from, origin, tiers, until }: OriginatedPrice): string[][] {
  const rate = (value: number | undefined): string => (value === undefined ? "" : String(value));
  return tiers.map((tier) => [
    tier.aboveInputTokens === 0 ? id : `  above ${tier.aboveInputTokens.toLocaleString("en-US")} tokens`,
    rate(tier.input),
    rate(tier.output),
    rate(tier.cacheRead),
    rate(tier.cacheWrite),
    from ?? "",
    until ?? "",
    origin,
  ]);
}

async function show(id: string, options: TableOptions, io: Io): Promise<void> {
  const table = tableOf(options);
  const found = table.prices.filter((price) => price.id === id);
  if (found.length === 0) {
    throw new CommandError(
      EXIT.notFound,
      `There is no price with the id ${shown(id)} in table ${table.version}. \`counterfoil prices list\` prints all ids.`,
    );
  }
  if (options.json === true) return write(io.stdout, `${JSON.stringify(found.map(asData), null, 2)}\n`);
  const { stringify } = await import("yaml");
  const prices = found.map((price) => ({ id: price.id, ...dataOfPrice(price) }));
  return write(io.stdout, stringify({ prices }, { lineWidth: 0 }));
}

async function check(file: string, io: Io): Promise<void> {
  const { readPriceFile } = await import("../../collector/prices/price-file.js");
  const prices = readPriceFile(file, io.env);
  const count = `${prices.length} price${prices.length === 1 ? "" : "s"}`;
  return write(io.stdout, `${io.paint.good("valid")}: ${file}; ${count}\n`);
}
