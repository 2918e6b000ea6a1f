import { type Command, Option } from "commander";
import { type JsonObject, RULE_LOG_PAGE_MAX, RULE_OUTCOMES } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { durationMs, pointInTime, wholeNumber, withDataDir } from "../options.js";
import { jsonCell, writeJsonTable } from "../output/json-table.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import type { ApplyOptions } from "../rules/apply-files.js";
import type { BackfillOptions } from "../rules/backfill.js";
import type { DecideOptions } from "../rules/decide.js";
import type { PreviewOptions } from "../rules/preview-files.js";
import { callServer, requireServer } from "../server-client.js";

const LOG_LIMIT = 20;
const WAIT = "10s";
interface RulesOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

interface LogsOptions extends RulesOptions {
  readonly outcome?: string;
  readonly trace?: string;
  readonly limit: number;
}

/** `rules`: what is done with runs by itself. */
export function addRulesCommand(program: Command, io: Io): void {
  const rules = program
    .command("rules")
    .description(
      "let runs become examples, and more, by rule: apply rules from files, and see what they did",
    );
  withDataDir(rules.command("list"))
    .description("list the rules")
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nNeeds a running server.\n\nExamples:\n  counterfoil rules list")
    .action((options: RulesOptions) => list(options, io));
  withDataDir(rules.command("apply"))
    .description(
      "make the server's rules what files say: create those that are new, change those that differ",
    )
    .requiredOption(
      "-f, --file <path...>",
      "YAML or JSON files with a list `rules`, or folders of such files",
    )
    .option("--dry-run", "check everything and show what would change, and change nothing")
    .option("--prune", "delete the rules that no file has")
    .option("--json", "print the changes as JSON")
    .addHelpText(
      "after",
      `
Needs a running server. All rules are applied, or none. docs/golden-examples.md describes the files.

Examples:
  counterfoil rules apply -f rules/ --dry-run
  counterfoil rules apply -f rules/golden.yaml`,
    )
    .action(async (options: ApplyOptions) => {
      const { applyFiles } = await import("../rules/apply-files.js");
      await applyFiles("rules", options, io);
    });
  withDataDir(rules.command("remove"))
    .description("delete a rule; what it made stays")
    .argument("<rule>", "name or id")
    .addHelpText("after", "\nExamples:\n  counterfoil rules remove golden-corrections")
    .action(async (rule: string, { dataDir }: RulesOptions) => {
      const path = `/api/v1/rules/${encodeURIComponent(rule)}`;
      await callServer(requireServer(dataDir), { method: "DELETE", path, signal: io.signal });
      await write(io.stdout, `Deleted ${inert(rule)}.\n`);
    });
  addPreview(rules, io);
  addLogs(rules, io);
  addBackfill(rules, io);
  addDecisions(rules, io);
  withDataDir(rules.command("wait"))
    .description("wait until the rules are through with everything that was accepted before")
    .addOption(
      new Option("--timeout <duration>", "give up after this long")
        .argParser(durationMs)
        .default(durationMs(WAIT), WAIT),
    )
    .addHelpText(
      "after",
      "\nA trace is looked at when its root has ended and nothing came for the rule's debounce time.\n\nExamples:\n  counterfoil rules wait --timeout 30s",
    )
    .action(async ({ dataDir, timeout }: RulesOptions & { readonly timeout: number }) => {
      const body = { deadline_ms: timeout };
      const request = { method: "POST" as const, path: "/api/v1/rules/wait", body, signal: io.signal };
      await callServer(requireServer(dataDir), { ...request, timeoutMs: timeout + 5_000 });
      await write(io.stdout, "The rules are through with everything.\n");
    });
}

function addPreview(rules: Command, io: Io): void {
  withDataDir(rules.command("preview"))
    .description("show what rules of files would make of a trace, and change nothing")
    .requiredOption("-f, --file <path...>", "as of `rules apply`; the rules need not be applied")
    .requiredOption("--trace <id>", "trace id")
    .option("--rule <name>", "only the rule of this name")
    .addHelpText(
      "after",
      `
Needs a running server. Prints JSON: for each run that a rule takes its outcome, and the records that it would make, an example
with the fields of its mapping among them. Samples, debounce and what was done before do not count.

Examples:
  counterfoil rules preview -f rules/golden.yaml --trace 4bf92f3577b34da6a3ce929d0e0e4736`,
    )
    .action(async (options: PreviewOptions) => {
      const { previewFiles } = await import("../rules/preview-files.js");
      await previewFiles(options, io);
    });
}

function addBackfill(rules: Command, io: Io): void {
  withDataDir(rules.command("backfill"))
    .description("let a rule take what was there before it, once, as it takes what comes")
    .argument("<rule>", "name or id")
    .option("--since <time>", "only runs that started then or later", pointInTime)
    .option("--dry-run", "say what would become of the runs, and change nothing")
    .option("--json", "print the counts as JSON")
    .addHelpText(
      "after",
      `
Needs a running server. A run that the rule took before, or takes meanwhile, is not taken again, so it can be stopped and
started anew at any time; stopped by Ctrl-C, it says where to go on. A rule that is turned off is backfilled as well.

Examples:
  counterfoil rules backfill golden-corrections --dry-run
  counterfoil rules backfill golden-corrections --since 7d`,
    )
    .action(async (rule: string, options: BackfillOptions) => {
      const { runBackfill } = await import("../rules/backfill.js");
      await runBackfill(rule, options, io);
    });
}

function addDecisions(rules: Command, io: Io): void {
  for (const [verb, what] of [
    ["approve", "let runs out of a rule's quarantine: they become examples"],
    ["reject", "keep runs in quarantine out of the dataset for good"],
  ] as const) {
    withDataDir(rules.command(verb))
      .description(what)
      .argument("<rule>", "name or id")
      .argument("[ids...]", "ids of the rule's log")
      .option("--all", "all that are in its quarantine")
      .option("--by <name>", "who decides")
      .option("--dry-run", "show what it would come to, and change nothing")
      .option("--json", "print what came of each as JSON, the examples included")
      .addHelpText(
        "after",
        `
Needs a running server. \`rules logs <rule> --outcome quarantined --json\` has the ids.

Examples:
  counterfoil rules ${verb} golden-corrections --all --dry-run
  counterfoil rules ${verb} golden-corrections 3f0c2a4e-5b8e-5d2a-9a71-0c6f3c1d2e4b --by ada`,
      )
      .action(async (rule: string, ids: readonly string[], options: DecideOptions) => {
        const { runDecision } = await import("../rules/decide.js");
        await runDecision({ rule, verb, ids }, options, io);
      });
  }
}

function addLogs(rules: Command, io: Io): void {
  withDataDir(rules.command("logs"))
    .description("show what a rule did with runs, and why, newest first")
    .argument("<rule>", "name or id")
    .addOption(new Option("--outcome <outcome>", "only these").choices(RULE_OUTCOMES))
    .option("--trace <id>", "only runs of this trace")
    .option("--limit <n>", "at most this many", wholeNumber(1, RULE_LOG_PAGE_MAX), LOG_LIMIT)
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Needs a running server. Without one, ask the mirror: counterfoil sql "SELECT * FROM rule_runs".

Examples:
  counterfoil rules logs golden-corrections
  counterfoil rules logs golden-corrections --outcome error --json`,
    )
    .action((rule: string, options: LogsOptions) => logs(rule, options, io));
}

async function list({ dataDir, json }: RulesOptions, io: Io): Promise<void> {
  const request = { method: "GET" as const, path: "/api/v1/rules", signal: io.signal };
  const rows = (await callServer(requireServer(dataDir), request)) as JsonObject[];
  if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0)
    return write(io.stderr, "There are no rules. `counterfoil rules apply -f FILE` makes some.\n");
  await writeJsonTable(
    ["name", "state", "version", "takes", "does"],
    rows.map((row) => [
      row["name"],
      row["enabled"] === false ? "off" : "on",
      row["version"],
      row["filter"] ?? row["trace_filter"] ?? row["tree_filter"] ?? row["where"] ?? "every run",
      ((row["actions"] ?? []) as readonly JsonObject[]).map(actionText).join(", "),
    ]),
    io,
  );
}

function actionText(action: JsonObject): string {
  const target =
    action["dataset"] ??
    action["dataset_id"] ??
    action["queue"] ??
    action["queue_id"] ??
    action["key"] ??
    action["evaluator"] ??
    action["evaluator_id"] ??
    action["tag"] ??
    action["severity"] ??
    action["url"] ??
    action["url_env"] ??
    "";
  const splits = (action["splits"] ?? []) as readonly string[];
  const what = target === "" ? "" : ` ${jsonCell(target)}`;
  return `${jsonCell(action["type"])}${what}${splits.length === 0 ? "" : ` [${splits.join(", ")}]`}`;
}

async function logs(rule: string, options: LogsOptions, io: Io): Promise<void> {
  const query = new URLSearchParams({ limit: String(options.limit) });
  if (options.outcome !== undefined) query.set("outcome", options.outcome);
  if (options.trace !== undefined) query.set("trace", options.trace);
  const path = `/api/v1/rules/${encodeURIComponent(rule)}/logs?${query.toString()}`;
  const request = { method: "GET" as const, path, signal: io.signal };
  const rows = (await callServer(requireServer(options.dataDir), request)) as JsonObject[];
  if (options.json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) return write(io.stderr, "The rule has not taken any such run.\n");
  await writeJsonTable(
    ["time (UTC)", "trace", "span", "outcome", "action", "reason"],
    rows.map((row) => [
      jsonCell(row["time"]).slice(0, 19).replace("T", " "),
      row["trace_id"],
      row["span_id"],
      row["outcome"],
      ((row["actions"] ?? []) as readonly JsonObject[]).map((each) => jsonCell(each["action"])).join(", "),
      row["reason"],
    ]),
    io,
  );
}
