import type { Command } from "commander";
import type { JsonObject } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { writeJsonTable } from "../output/json-table.js";
import { inert, inertLines } from "../output/text.js";
import { rowsToJson } from "../query.js";
import type { ApplyOptions } from "../rules/apply-files.js";
import { callServer, requireServer } from "../server-client.js";

interface EvaluatorOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

/** `evaluators`: what judges runs by itself. */
export function addEvaluatorsCommand(program: Command, io: Io): void {
  const evaluators = program
    .command("evaluators")
    .description(
      "let SQL, programs and models judge runs: apply evaluators from files; rules say on which runs",
    );
  withDataDir(evaluators.command("list"))
    .description("list the evaluators, and how many runs each judged")
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nNeeds a running server.\n\nExamples:\n  counterfoil evaluators list")
    .action((options: EvaluatorOptions) => list(options, io));
  withDataDir(evaluators.command("show"))
    .description("show one whole, in the form that a file takes")
    .argument("<evaluator>", "name or id")
    .option("--json", "print JSON instead of YAML")
    .addHelpText("after", "\nNeeds a running server.\n\nExamples:\n  counterfoil evaluators show honest")
    .action(async (name: string, { dataDir, json }: EvaluatorOptions) => {
      const path = `/api/v1/evaluators/${encodeURIComponent(name)}`;
      const request = { method: "GET" as const, path, signal: io.signal };
      const found = (await callServer(requireServer(dataDir), request)) as JsonObject;
      if (json === true) return write(io.stdout, `${rowsToJson(found, 2)}\n`);
      const { stringify } = await import("yaml");
      return write(io.stdout, inertLines(stringify({ evaluators: [found] })));
    });
  withDataDir(evaluators.command("apply"))
    .description("make the server's evaluators what files say: a change makes a new version")
    .requiredOption(
      "-f, --file <path...>",
      "YAML or JSON files with a list `evaluators`, or folders of such files",
    )
    .option("--dry-run", "check everything and show what would change, and change nothing")
    .option("--prune", "delete the evaluators that no file has")
    .option("--json", "print the changes as JSON")
    .addHelpText(
      "after",
      `
Needs a running server. All are applied, or none. docs/rules.md describes the files.

Examples:
  counterfoil evaluators apply -f rules/ --dry-run
  counterfoil evaluators apply -f rules/judges.yaml`,
    )
    .action(async (options: ApplyOptions) => {
      const { applyFiles } = await import("../rules/apply-files.js");
      await applyFiles("evaluators", options, io);
    });
  withDataDir(evaluators.command("remove"))
    .description("delete an evaluator that no rule runs; what it said stays")
    .argument("<evaluator>", "name or id")
    .addHelpText("after", "\nExamples:\n  counterfoil evaluators remove honest")
    .action(async (name: string, { dataDir }: EvaluatorOptions) => {
      const path = `/api/v1/evaluators/${encodeURIComponent(name)}`;
      await callServer(requireServer(dataDir), { method: "DELETE", path, signal: io.signal });
      await write(io.stdout, `Deleted ${inert(name)}.\n`);
    });
}

async function list({ dataDir, json }: EvaluatorOptions, io: Io): Promise<void> {
  const request = { method: "GET" as const, path: "/api/v1/evaluators", signal: io.signal };
  const rows = (await callServer(requireServer(dataDir), request)) as JsonObject[];
  if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0)
    return write(io.stderr, "There are no evaluators. `counterfoil evaluators apply -f FILE` makes some.\n");
  await writeJsonTable(
    ["name", "kind", "gives", "version", "runs", "asks"],
    rows.map((row) => [
      row["name"],
      row["kind"],
      row["feedback_key"],
      row["version"],
      row["runs"],
      row["sql"] ?? row["model"] ?? row["url"] ?? row["url_env"],
    ]),
    io,
  );
}
