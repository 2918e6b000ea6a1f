import { type Command, InvalidArgumentError, Option } from "commander";
import type { JsonObject } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { jsonCell, writeJsonTable } from "../output/json-table.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, type HttpServer, requireServer } from "../server-client.js";

const PATH = "/api/v1/feedback-configs";

interface ConfigOptions {
  readonly dataDir: string;
  readonly type?: string;
  readonly min?: number;
  readonly max?: number;
  readonly category?: readonly JsonObject[];
  readonly lowerIsBetter?: boolean;
  readonly remove?: boolean;
  readonly json?: boolean;
}

/** `feedback config`: what a key may hold. */
export function addConfigCommand(feedback: Command, io: Io): void {
  withDataDir(feedback.command("config"))
    .description("say what feedback of a key may hold, or show what was said")
    .argument("[key]", "what is judged; without it all are shown")
    .addOption(
      new Option("--type <type>", "kind of score").choices(["continuous", "categorical", "freeform"]),
    )
    .option("--min <number>", "continuous: least score", numberOf)
    .option("--max <number>", "continuous: highest score", numberOf)
    .option("--category <number=label...>", "categorical: scores there are, each with its label", category)
    .option("--lower-is-better", "a low score is the good one")
    .option("--remove", "take the config away; feedback stays")
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Needs a running server. With --type it is set, or changed. Feedback that does not fit is refused from then on.

Examples:
  counterfoil feedback config
  counterfoil feedback config stars --type continuous --min 1 --max 5
  counterfoil feedback config mood --type categorical --category 1=good 0=bad`,
    )
    .action((key: string | undefined, options: ConfigOptions) => run(key, options, io));
}

async function run(key: string | undefined, options: ConfigOptions, io: Io): Promise<void> {
  const { type, min, max, category: categories, lowerIsBetter, remove } = options;
  const isChange = remove === true || type !== undefined;
  if (!isChange && [min, max, categories, lowerIsBetter].some((value) => value !== undefined))
    throw new CommandError(EXIT.usage, "Say --type, too: continuous, categorical or freeform.");
  if (isChange && key === undefined) throw new CommandError(EXIT.usage, "Name the key whose config it is.");
  if (remove === true && type !== undefined)
    throw new CommandError(EXIT.usage, "Give --type or --remove, not both.");
  const server = requireServer(options.dataDir);
  if (remove === true) {
    const path = `${PATH}?feedback_key=${encodeURIComponent(key ?? "")}`;
    await callServer(server, { method: "DELETE", path, signal: io.signal });
    return write(io.stdout, `${inert(key ?? "")} may hold anything.\n`);
  }
  if (type !== undefined) {
    const body = {
      feedback_key: key,
      feedback_config: {
        type,
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
        ...(categories === undefined ? {} : { categories }),
      },
      is_lower_score_better: lowerIsBetter === true,
    };
    const isThere = (await listed(server, key, io)).length > 0;
    await callServer(server, { method: isThere ? "PATCH" : "POST", path: PATH, body, signal: io.signal });
  }
  const rows = await listed(server, key, io);
  if (options.json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) return write(io.stderr, "Nothing was said: any feedback fits.\n");
  return writeJsonTable(["key", "type", "scores", "better"], rows.map(cells), io);
}

async function listed(server: HttpServer, key: string | undefined, io: Io): Promise<JsonObject[]> {
  const path = key === undefined ? PATH : `${PATH}?key=${encodeURIComponent(key)}`;
  return (await callServer(server, { method: "GET", path, signal: io.signal })) as JsonObject[];
}

function cells(row: JsonObject): string[] {
  const { type, min, max, categories } = row["feedback_config"] as JsonObject;
  const scores =
    type === "categorical"
      ? ((categories ?? []) as readonly JsonObject[])
          .map(({ value, label }) => `${jsonCell(value)}=${jsonCell(label)}`)
          .join(", ")
      : [min, max].some((bound) => typeof bound === "number")
        ? `${jsonCell(min)} to ${jsonCell(max)}`
        : "any";
  const better = row["is_lower_score_better"] === true ? "lower" : "higher";
  return [jsonCell(row["feedback_key"]), jsonCell(type), scores, better];
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number.");
}

function category(text: string, before: readonly JsonObject[] | undefined): readonly JsonObject[] {
  const [, value = "", label = ""] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (label === "") throw new InvalidArgumentError("It must be number=label, for example 1=good.");
  return [...(before ?? []), { value: numberOf(value), label }];
}
