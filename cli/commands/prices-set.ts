import { type Command, InvalidArgumentError } from "commander";
import { priceIdOf } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { inert } from "../output/text.js";
import { callServer, requireServer } from "../server-client.js";

interface SetOptions {
  readonly dataDir: string;
  readonly id?: string;
  readonly input: number;
  readonly output: number;
  readonly cacheRead?: number;
  readonly cacheWrite?: number;
  readonly from?: string;
  readonly until?: string;
}

function dollars(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
    throw new InvalidArgumentError("It must be dollars for a million tokens, 0 or more.");
  }
  return value;
}

/** `prices set` and `prices remove`: prices of one's own as records of the running server. */
export function addPriceRecordCommands(prices: Command, io: Io): void {
  withDataDir(prices.command("set"))
    .description("set a price of one's own, through the running server; it takes effect at once")
    .argument("<provider>", "provider, as the column `provider` has it")
    .argument("<models...>", "names of the model; one that ends with * stands for all that begin so")
    .requiredOption("--input <usd>", "dollars for a million input tokens", dollars)
    .requiredOption("--output <usd>", "dollars for a million output tokens", dollars)
    .option("--cache-read <usd>", "dollars for a million tokens read from the cache", dollars)
    .option("--cache-write <usd>", "dollars for a million tokens written to the cache", dollars)
    .option("--from <day>", "first day that it holds for, YYYY-MM-DD")
    .option("--until <day>", "first day that it does not hold for any more, YYYY-MM-DD")
    .option(
      "--id <id>",
      "id (otherwise provider, first model and --from); setting it again replaces the price",
    )
    .addHelpText(
      "after",
      `
Examples:
  counterfoil prices set azure.ai.openai gpt-4o --input 2.75 --output 11
  counterfoil prices set openai "ft:gpt-4o-mini*" --input 0.3 --output 1.2 --from 2026-07-01`,
    )
    .action((provider: string, models: string[], options: SetOptions) => set(provider, models, options, io));
  withDataDir(prices.command("remove"))
    .description("take back a price that was set; its history stays in prices_history")
    .argument("<id>", "id of the price, as `prices list` prints it with the origin record")
    .addHelpText("after", "\nExamples:\n  counterfoil prices remove azure.ai.openai/gpt-4o")
    .action(async (id: string, { dataDir }: { readonly dataDir: string }) => {
      const path = `/api/v1/prices/${encodeURIComponent(id)}`;
      await callServer(requireServer(dataDir), { method: "DELETE", path, signal: io.signal });
      await write(io.stdout, `Removed ${inert(id)}.\n`);
    });
}

async function set(provider: string, models: readonly string[], options: SetOptions, io: Io): Promise<void> {
  const { cacheRead, cacheWrite, dataDir, from, input, output, until } = options;
  const body = {
    provider,
    models,
    input,
    output,
    ...(cacheRead === undefined ? {} : { cache_read: cacheRead }),
    ...(cacheWrite === undefined ? {} : { cache_write: cacheWrite }),
    ...(from === undefined ? {} : { from }),
    ...(until === undefined ? {} : { until }),
  };
  const id = options.id ?? priceIdOf(body);
  const path = `/api/v1/prices/${encodeURIComponent(id)}`;
  await callServer(requireServer(dataDir), { method: "PUT", path, body, signal: io.signal });
  await write(io.stdout, `Set ${inert(id)}.\n`);
}
