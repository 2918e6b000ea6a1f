import { type Command, Option } from "commander";
import type { LangSmithOptions } from "../import/import-langsmith.js";
import { type Io } from "../io.js";
import { withLangSmith } from "./import-langsmith.js";

/** `verify`: compares what another system has with what is here. */
export function addVerifyCommand(program: Command, io: Io): void {
  withLangSmith(program.command("verify"))
    .description("compare what LangSmith has with what is here: counts, and hashes of contents")
    .addOption(
      new Option("--against <system>", "what to compare with").choices(["langsmith"]).makeOptionMandatory(),
    )
    .addHelpText(
      "after",
      `
Reads everything there once more, and writes nothing. The key is read from LANGSMITH_API_KEY. Ends with 0 when everything
that is there is here with the same content, with 1 otherwise. What is only here is listed, too, but counts as no
difference: LangSmith's retention takes away what the copy keeps.

Examples:
  LANGSMITH_API_KEY=lsv2_... counterfoil verify --against langsmith --since 30d
  counterfoil verify --against langsmith --projects support --json`,
    )
    .action(async (options: LangSmithOptions) => {
      const { runVerifyLangSmith } = await import("../import/verify-langsmith.js");
      await runVerifyLangSmith(options, io);
    });
}
