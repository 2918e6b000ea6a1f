import { type Command, Option } from "commander";
import { ALERT_SEVERITIES, type JsonObject, MARKS_PAGE_MAX } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { pointInTime, wholeNumber, withDataDir } from "../options.js";
import { jsonCell, writeJsonTable } from "../output/json-table.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

const LIMIT = 20;

interface AlertOptions {
  readonly dataDir: string;
  readonly rule?: string;
  readonly severity?: string;
  readonly since?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** `alerts`: what rules found worth telling someone. */
export function addAlertsCommand(program: Command, io: Io): void {
  withDataDir(program.command("alerts"))
    .description("list the alerts that rules raised, newest first")
    .option("--rule <rule>", "only those of this rule, by name or id")
    .addOption(new Option("--severity <severity>", "only these").choices(ALERT_SEVERITIES))
    .option("--since <time>", "only those of then or later", pointInTime)
    .option("--limit <n>", "at most this many", wholeNumber(1, MARKS_PAGE_MAX), LIMIT)
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Needs a running server. Without one, ask the mirror: counterfoil sql "SELECT * FROM alert_events".

Examples:
  counterfoil alerts --severity critical --since 1d`,
    )
    .action((options: AlertOptions) => list(options, io));
}

async function list({ dataDir, json, ...options }: AlertOptions, io: Io): Promise<void> {
  const query = new URLSearchParams({ limit: String(options.limit) });
  for (const name of ["rule", "severity", "since"] as const) {
    if (options[name] !== undefined) query.set(name, options[name]);
  }
  const request = { method: "GET" as const, path: `/api/v1/alerts?${query.toString()}`, signal: io.signal };
  const rows = (await callServer(requireServer(dataDir), request)) as JsonObject[];
  if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) return write(io.stderr, "There are no such alerts.\n");
  return writeJsonTable(
    ["time (UTC)", "severity", "rule", "trace", "summary"],
    rows.map((row) => [
      jsonCell(row["created_at"]).slice(0, 19).replace("T", " "),
      row["severity"],
      row["rule_name"],
      row["trace_id"],
      row["summary"],
    ]),
    io,
  );
}
