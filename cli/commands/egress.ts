import { type Command, Option } from "commander";
import { EGRESS_KINDS, EGRESS_PAGE_MAX, type JsonObject } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { pointInTime, wholeNumber, withDataDir } from "../options.js";
import { jsonCell, writeJsonTable } from "../output/json-table.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

const LIMIT = 20;
const FILTERS = ["kind", "name", "to", "trace", "since", "until"] as const;

type EgressOptions = Partial<Record<(typeof FILTERS)[number], string>> & {
  readonly dataDir: string;
  readonly limit: number;
  readonly json?: boolean;
};

/** `egress`: what left this machine, when, to whom. */
export function addEgressCommand(program: Command, io: Io): void {
  withDataDir(program.command("egress"))
    .description("list what left this machine, when, to whom, newest first")
    .addOption(new Option("--kind <kind>", "only what these sent").choices(EGRESS_KINDS))
    .option("--name <name>", "only this destination, evaluator, or rule of webhooks and alerts")
    .option("--to <text>", "only to addresses with this text in them")
    .option("--trace <id>", "only lines about this trace, or whose journal positions hold spans of it")
    .option("--since <time>", "only those of then or later", pointInTime)
    .option("--until <time>", "only those before then", pointInTime)
    .option("--limit <n>", "at most this many", wholeNumber(1, EGRESS_PAGE_MAX), LIMIT)
    .option("--json", "print a JSON array, with every field")
    .addHelpText(
      "after",
      `
Needs a running server. Without one, ask the mirror: counterfoil sql "SELECT * FROM egress".

Examples:
  counterfoil egress --since 1d
  counterfoil egress --trace 4bf92f3577b34da6a3ce929d0e0e4736
  counterfoil egress --kind evaluator --to api.openai.com --json`,
    )
    .action((options: EgressOptions) => list(options, io));
}

async function list({ dataDir, json, limit, ...filters }: EgressOptions, io: Io): Promise<void> {
  const query = new URLSearchParams({ limit: String(limit) });
  for (const name of FILTERS) {
    if (filters[name] !== undefined) query.set(name, filters[name]);
  }
  const request = { method: "GET" as const, path: `/api/v1/egress?${query.toString()}`, signal: io.signal };
  const rows = (await callServer(requireServer(dataDir), request)) as JsonObject[];
  if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) return write(io.stderr, "Nothing like that left this machine.\n");
  await writeJsonTable(
    ["time (UTC)", "kind", "name", "to", "outcome", "what"],
    rows.map((row) => [
      jsonCell(row["sent_at"]).slice(0, 19).replace("T", " "),
      row["kind"],
      row["name"],
      row["address"],
      row["outcome"],
      whatOf(row),
    ]),
    io,
  );
  if (rows.length === limit) await write(io.stderr, `There may be more: these are the newest ${limit}.\n`);
}

/** What left, in a few words: items and their journal positions, or the trace and whether its content was told. */
function whatOf(row: JsonObject): string {
  const { trace_id: trace, items, first_seq: first, last_seq: last } = row;
  if (typeof trace === "string") {
    const how = row["content"] !== true ? "ids" : row["redacted"] === true ? "redacted content" : "content";
    return `${how} of trace ${trace}, ${jsonCell(row["bytes"])} bytes`;
  }
  const count = typeof items === "number" ? `${items} items` : "items";
  return typeof first === "number"
    ? `${count} of journal ${first} to ${jsonCell(last)}`
    : `${count} of dead letters`;
}
