import { readFileSync } from "node:fs";
import { type Command } from "commander";
import type { ConfigReading } from "../../collector/config/index.js";
import { errorMessage } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { inertLines } from "../output/text.js";

interface ValidateOptions {
  readonly config?: string;
  readonly print?: boolean;
  readonly schema?: boolean;
}

/** Read only when needed: the validators take longer to load than most commands to run. */
const loadConfigModule = (): Promise<typeof import("../../collector/config/index.js")> =>
  import("../../collector/config/index.js");

/** `validate`: everything wrong with a configuration at once, or what is in effect. */
export function addValidateCommand(program: Command, io: Io): void {
  withDataDir(program.command("validate"))
    .description("check a configuration and report every error with its line, or print what is in effect")
    .argument("[file]", "configuration file; without one the built-in configuration is checked")
    .option("--config <file>", "the same, named as for `start`")
    .option("--print", "print the configuration in effect, defaults filled in and secrets masked")
    .option("--schema", "print the JSON Schema of the configuration, for editors")
    .addHelpText(
      "after",
      `
Examples:
  counterfoil validate counterfoil.yaml
  counterfoil validate --config counterfoil.yaml --print
  counterfoil validate --print                      # what \`start\` does without a file
  counterfoil validate --schema > counterfoil.schema.json`,
    )
    .action((file: string | undefined, options: ValidateOptions) => {
      if (file !== undefined && options.config !== undefined) {
        throw new CommandError(EXIT.usage, "Name one configuration file, not two.");
      }
      return validate(file === undefined ? options : { ...options, config: file }, io);
    });
}

async function validate(options: ValidateOptions, io: Io): Promise<void> {
  const { configJsonSchema, effectiveConfig, formatProblems } = await loadConfigModule();
  const problems = (reading: ConfigReading, kind: "errors" | "warnings"): string =>
    inertLines(formatProblems(reading.file, reading[kind]));
  if (options.schema) return write(io.stdout, `${JSON.stringify(configJsonSchema(), null, 2)}\n`);
  const reading = await readSource(options.config, io);
  if (reading.warnings.length > 0) {
    await write(io.stderr, `${io.paintError.warn("warnings:")}\n${problems(reading, "warnings")}\n`);
  }
  if (reading.config === undefined) {
    const count = reading.errors.length;
    await write(
      io.stderr,
      `${io.paintError.bad("errors:")}\n${problems(reading, "errors")}\n${count} error${count === 1 ? "" : "s"}.\n`,
    );
    io.exitCode = EXIT.configInvalid;
    return undefined;
  }
  const { prices } = reading.config;
  if (prices.file !== undefined) {
    const { readPriceFile } = await import("../../collector/prices/price-file.js");
    readPriceFile(prices.file, io.env);
  }
  if (options.print) return write(io.stdout, effectiveConfig(reading.config));
  const destinations = ["mirror", ...reading.config.destinations.map(({ name }) => name)];
  return write(
    io.stdout,
    `${io.paint.good("valid")}: ${reading.file}; ${reading.config.signals.join(", ")} go to ${destinations.join(", ")}\n`,
  );
}

/** Reads a configuration file, or the built-in configuration for this environment when none is named. */
export async function readSource(file: string | undefined, io: Io): Promise<ConfigReading> {
  const { defaultConfigText, readConfig } = await loadConfigModule();
  if (file === undefined) {
    return readConfig({ file: "the built-in configuration", text: defaultConfigText(io.env) }, io.env);
  }
  try {
    return readConfig({ file, text: readFileSync(file, "utf8") }, io.env);
  } catch (cause) {
    throw new CommandError(
      EXIT.configInvalid,
      `The configuration file ${file} can't be read: ${errorMessage(cause)}.`,
      { cause },
    );
  }
}
