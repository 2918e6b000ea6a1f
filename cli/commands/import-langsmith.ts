import { type Command, Option } from "commander";
import { type Io } from "../io.js";
import { durationMs, pointInTime, wholeNumber, withDataDir } from "../options.js";
import type { ImportLangSmithOptions } from "../import/import-langsmith.js";

const ENDPOINT = "https://api.smith.langchain.com";
const INTERVAL = "1m";
const RATE_MAX = 1_000;

/** The options that say which LangSmith, and what of it. */
export function withLangSmith(command: Command): Command {
  return withDataDir(command)
    .addOption(
      new Option("--endpoint <url>", "address of LangSmith, or of what speaks its API")
        .env("LANGSMITH_ENDPOINT")
        .default(ENDPOINT),
    )
    .addOption(new Option("--workspace <id>", "workspace, for keys of several").env("LANGSMITH_WORKSPACE_ID"))
    .option("--projects <names...>", "only these projects and experiments, by name or id")
    .option(
      "--since <time>",
      "only runs that started, and feedback given, at or after: ISO time, date, or how long ago (7d)",
      pointInTime,
    )
    .option("--rate <n>", "at most this many requests a second", wholeNumber(1, RATE_MAX))
    .option("--json", "print the report as JSON");
}

/** `import langsmith`, below `import`: pulls from LangSmith what is not here yet. */
export function addImportLangSmithCommand(command: Command, io: Io): void {
  withLangSmith(command.command("langsmith"))
    .description("pull runs, feedback, datasets and more out of LangSmith; again only what is new")
    .option("--follow", "go on until Ctrl-C: look again after each interval")
    .addOption(
      new Option("--interval <duration>", "time between two looks with --follow")
        .argParser(durationMs)
        .default(durationMs(INTERVAL), INTERVAL),
    )
    .addHelpText(
      "after",
      `
The key is read from LANGSMITH_API_KEY. A running server stores what comes; without one, one runs as long as the import.
Interrupt it at any time: the next import goes on where it was. What is here already is not stored again.

Ends with 1 when something could not be read or stored; the report says what and why.

Examples:
  LANGSMITH_API_KEY=lsv2_... counterfoil import langsmith --since 30d
  counterfoil import langsmith --projects support "my experiment" --json
  counterfoil import langsmith --endpoint https://eu.api.smith.langchain.com --follow --interval 5m`,
    )
    .action(async (options: ImportLangSmithOptions) => {
      const { runImportLangSmith } = await import("../import/import-langsmith.js");
      await runImportLangSmith(options, io);
    });
}
