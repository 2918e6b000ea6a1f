import { type Command, InvalidArgumentError } from "commander";
import { type JsonObject, type JsonValue, QUEUE_PAGE_MAX } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { wholeNumber, withDataDir } from "../options.js";
import { jsonCell, writeJsonTable } from "../output/json-table.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

const SHOW_LIMIT = 20;
const REVIEWERS_MAX = 100;

interface QueuesOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

interface CreateOptions extends QueuesOptions {
  readonly description?: string;
  readonly instructions?: string;
  readonly ask: readonly JsonObject[];
  readonly reviewers?: number;
  readonly assign?: readonly string[];
}

interface ShowOptions extends QueuesOptions {
  readonly reviewer?: string;
  readonly limit: number;
}

interface AddOptions extends QueuesOptions {
  readonly run?: readonly string[];
  readonly trace?: readonly string[];
  readonly span?: string;
}

/** `queues`: what people are to review. */
export function addQueuesCommand(program: Command, io: Io): void {
  const queues = program
    .command("queues")
    .description("annotation queues: runs for people to review, and what they are asked");
  withDataDir(queues.command("list"))
    .description("list the queues, with how many items are open and done")
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nNeeds a running server.\n\nExamples:\n  counterfoil queues list")
    .action((options: QueuesOptions) => list(options, io));
  addCreate(queues, io);
  withDataDir(queues.command("show"))
    .description("show the items of a queue, in the order of review")
    .argument("<queue>", "name or id")
    .option("--reviewer <name>", "for whom sections and places count")
    .option("--limit <n>", "at most this many", wholeNumber(1, QUEUE_PAGE_MAX), SHOW_LIMIT)
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      "\nNeeds a running server.\n\nExamples:\n  counterfoil queues show answers --reviewer ann",
    )
    .action((queue: string, options: ShowOptions) => show(queue, options, io));
  withDataDir(queues.command("add"))
    .description("add runs to a queue; one that is there already stays as it is")
    .argument("<queue>", "name or id")
    .option("--trace <id...>", "roots of these traces, 32 hex digits")
    .option("--span <id>", "with one --trace: this span of it, 16 hex digits")
    .option("--run <id...>", "LangSmith run ids")
    .option("--json", "print the items as a JSON array")
    .addHelpText(
      "after",
      "\nNeeds a running server. Rules add runs by themselves: docs/golden-examples.md.\n\nExamples:\n  counterfoil queues add answers --trace 4bf92f3577b34da6a3ce929d0e0e4736",
    )
    .action((queue: string, options: AddOptions) => add(queue, options, io));
  withDataDir(queues.command("delete"))
    .description("delete a queue and its items; what reviewers said stays")
    .argument("<queue>", "name or id")
    .addHelpText("after", "\nExamples:\n  counterfoil queues delete answers")
    .action(async (queue: string, { dataDir }: QueuesOptions) => {
      const request = { method: "DELETE" as const, path: pathOf(queue), signal: io.signal };
      await callServer(requireServer(dataDir), request);
      await write(io.stdout, `Deleted ${inert(queue)}.\n`);
    });
}

function addCreate(queues: Command, io: Io): void {
  withDataDir(queues.command("create"))
    .description("create a queue")
    .argument("<name>", "unique name")
    .option("--description <text>", "in words")
    .option("--instructions <text>", "what reviewers are told")
    .option(
      "--ask <key[=text]>",
      "a question by the key of the feedback that answers it; a ! after the key makes it required; may be repeated",
      question,
      [] as JsonObject[],
    )
    .option("--reviewers <n>", "reviews that complete an item (1)", wholeNumber(1, REVIEWERS_MAX))
    .option("--assign <name...>", "only these may review, and each of them must")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Needs a running server.

Examples:
  counterfoil queues create answers --ask 'correct!=1 when the answer is right' --ask tone --reviewers 2`,
    )
    .action((name: string, options: CreateOptions) => create(name, options, io));
}

function question(text: string, before: JsonObject[]): JsonObject[] {
  const [, key = "", required, description] = /^([^=!]+)(!)?(?:=(.*))?$/s.exec(text) ?? [];
  if (key.trim() === "") throw new InvalidArgumentError("It must be a key, or key=text, or key!=text.");
  return [
    ...before,
    {
      feedback_key: key.trim(),
      ...(description === undefined ? {} : { description }),
      ...(required === undefined ? {} : { is_required: true }),
    },
  ];
}

async function create(name: string, options: CreateOptions, io: Io): Promise<void> {
  const { description, instructions, ask, reviewers, assign } = options;
  const body = {
    name,
    ...(description === undefined ? {} : { description }),
    ...(instructions === undefined ? {} : { rubric_instructions: instructions }),
    ...(ask.length === 0 ? {} : { rubric_items: ask }),
    ...(reviewers === undefined ? {} : { num_reviewers_per_item: reviewers }),
    ...(assign === undefined
      ? {}
      : { reviewer_access_mode: "assigned", assigned_reviewers: assign.map((who) => ({ user_id: who })) }),
  };
  const request = { method: "POST" as const, path: "/api/v1/queues", body, signal: io.signal };
  const made = (await callServer(requireServer(options.dataDir), request)) as JsonObject;
  const text = options.json === true ? rowsToJson(made, 2) : inert(jsonCell(made["id"]));
  await write(io.stdout, `${text}\n`);
}

async function list({ dataDir, json }: QueuesOptions, io: Io): Promise<void> {
  const request = { method: "GET" as const, path: "/api/v1/queues", signal: io.signal };
  const rows = (await callServer(requireServer(dataDir), request)) as JsonObject[];
  if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) {
    return write(io.stderr, "There are no annotation queues. `counterfoil queues create NAME` makes one.\n");
  }
  await writeJsonTable(
    ["name", "open", "done", "reviews", "asks"],
    rows.map((row) => [
      row["name"],
      Number(row["items"]) - Number(row["archived"]),
      row["archived"],
      row["reviewer_access_mode"] === "assigned" ? "all assigned" : (row["num_reviewers_per_item"] ?? 1),
      ((row["rubric_items"] ?? []) as readonly JsonObject[])
        .map((item) => jsonCell(item["feedback_key"]))
        .join(", "),
    ]),
    io,
  );
}

async function show(queue: string, { dataDir, reviewer, limit, json }: ShowOptions, io: Io): Promise<void> {
  const query = new URLSearchParams({ limit: String(limit) });
  if (reviewer !== undefined) query.set("reviewer", reviewer);
  const path = `${pathOf(queue)}/items?${query.toString()}`;
  const request = { method: "GET" as const, path, signal: io.signal };
  const rows = (await callServer(requireServer(dataDir), request)) as JsonObject[];
  if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) {
    return write(io.stderr, "The queue is empty. `counterfoil queues add` adds runs, rules do, too.\n");
  }
  const names = (list: JsonValue | undefined): string => ((list ?? []) as readonly string[]).join(", ");
  await writeJsonTable(
    ["added (UTC)", "trace", "span", "project", "state", "reviewed by", "skipped by", "reserved by"],
    rows.map((row) => [
      jsonCell(row["added_at"]).slice(0, 19).replace("T", " "),
      row["trace_id"],
      row["span_id"],
      row["project"],
      row["section"] === "archived" ? "done" : "open",
      names(row["completed_by"]),
      names(row["skipped_by"]),
      names(row["reserved_by"]),
    ]),
    io,
  );
}

async function add(queue: string, options: AddOptions, io: Io): Promise<void> {
  const { run = [], trace = [], span } = options;
  if (run.length + trace.length === 0) {
    throw new CommandError(EXIT.usage, "Name what to add: --trace, --trace with --span, or --run.");
  }
  if (span !== undefined && trace.length !== 1) {
    throw new CommandError(
      EXIT.usage,
      "--span needs exactly one --trace, as span ids are unique within a trace only.",
    );
  }
  const runs = [
    ...trace.map((id) => ({ trace_id: id, ...(span === undefined ? {} : { span_id: span }) })),
    ...run.map((id) => ({ run_id: id })),
  ];
  const request = {
    method: "POST" as const,
    path: `${pathOf(queue)}/items`,
    body: { runs },
    signal: io.signal,
  };
  const items = (await callServer(requireServer(options.dataDir), request)) as JsonObject[];
  if (options.json === true) return write(io.stdout, `${rowsToJson(items, 2)}\n`);
  const count = new Set(items.map(({ id }) => id)).size;
  return write(io.stdout, `${inert(queue)} has ${count === 1 ? "the run" : `these ${count} runs`}.\n`);
}

function pathOf(queue: string): string {
  return `/api/v1/queues/${encodeURIComponent(queue)}`;
}
