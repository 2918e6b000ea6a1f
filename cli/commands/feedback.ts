import { type Command, InvalidArgumentError } from "commander";
import { FEEDBACK_PAGE_MAX, type JsonObject, type JsonValue } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, terminalWidth, write } from "../io.js";
import { wholeNumber, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";
import { addAgreementCommand } from "./feedback-agreement.js";
import { addConfigCommand } from "./feedback-config.js";
import { addTokenCommand } from "./feedback-token.js";

const LIST_LIMIT = 20;

interface Target {
  readonly run?: string;
  readonly trace?: string;
  readonly span?: string;
  readonly thread?: string;
  readonly project?: string;
  readonly example?: string;
}

interface AddOptions extends Target {
  readonly dataDir: string;
  readonly key: string;
  readonly score?: number | boolean;
  readonly value?: JsonValue;
  readonly comment?: string;
  readonly correction?: JsonValue;
  readonly source: string;
  readonly user?: string;
  readonly id?: string;
  readonly json?: boolean;
}

interface ListOptions extends Target {
  readonly dataDir: string;
  readonly key?: string;
  readonly source?: string;
  readonly limit: number;
  readonly json?: boolean;
}

/** `feedback add`, `list`, `token`, `agreement`, `config` and `delete`. */
export function addFeedbackCommand(program: Command, io: Io): void {
  const feedback = program
    .command("feedback")
    .description("say what you think of a run, a trace, a thread and more, and read what was said");
  addAdd(feedback, io);
  addList(feedback, io);
  addTokenCommand(feedback, io);
  addAgreementCommand(feedback, io);
  addConfigCommand(feedback, io);
  withDataDir(feedback.command("delete"))
    .description("take feedback back; its history stays in feedback_history")
    .argument("<id>", "id of the feedback")
    .addHelpText("after", "\nExamples:\n  counterfoil feedback delete 0f9b2c1e-5a53-4b71-9b0b-0d2f6e1a7c11")
    .action(async (id: string, options: { readonly dataDir: string }) => {
      const path = `/api/v1/feedback/${encodeURIComponent(id)}`;
      await callServer(requireServer(options.dataDir), { method: "DELETE", path, signal: io.signal });
      await write(io.stdout, `Deleted ${inert(id)}.\n`);
    });
}

function withTarget(command: Command): Command {
  return command
    .option("--run <id>", "LangSmith run id")
    .option("--trace <id>", "trace id, 32 hex digits")
    .option("--span <id>", "span id, 16 hex digits")
    .option("--thread <id>", "thread (conversation) id")
    .option("--project <name>", "project, or experiment")
    .option("--example <id>", "example of a dataset");
}

function addAdd(feedback: Command, io: Io): void {
  withTarget(withDataDir(feedback.command("add")))
    .description(
      "give feedback on a run, a span, a trace, a thread, an experiment or an example, which may still be to come",
    )
    .requiredOption("--key <key>", "what is judged, for example correctness")
    .option("--score <score>", "a number, or true or false", scoreOf)
    .option("--value <value>", "a value that is no score: JSON, or plain text", jsonOrText)
    .option("--comment <text>", "in words")
    .option("--correction <value>", "what would have been right: JSON, or plain text", jsonOrText)
    .option("--source <type>", "who or what gives it: human, api, model, rule, ...", "human")
    .option("--user <id>", "who gives it")
    .option("--id <id>", "id of the feedback; the same id again replaces it")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Needs a running server.

Examples:
  counterfoil feedback add --trace 4bf92f3577b34da6a3ce929d0e0e4736 --key helpful --score true
  counterfoil feedback add --run 4bf92f35-77b3-4da6-a3ce-929d0e0e4736 --key correctness --score 0.5 \\
    --comment "wrong year" --correction '{"year": 2026}'
  counterfoil feedback add --project answers-v2 --key release --value yes`,
    )
    .action((options: AddOptions) => add(options, io));
}

async function add(options: AddOptions, io: Io): Promise<void> {
  const { key, score, value, comment, correction, id } = options;
  const data = {
    key,
    ...(id === undefined ? {} : { id }),
    ...(score === undefined ? {} : { score }),
    ...(value === undefined ? {} : { value }),
    ...(comment === undefined ? {} : { comment }),
    ...(correction === undefined ? {} : { correction }),
    ...(options.run === undefined ? {} : { run_id: options.run }),
    ...(options.trace === undefined ? {} : { trace_id: options.trace }),
    ...(options.span === undefined ? {} : { span_id: options.span }),
    ...(options.thread === undefined ? {} : { thread_id: options.thread }),
    ...(options.project === undefined ? {} : { project: options.project }),
    ...(options.example === undefined ? {} : { example_id: options.example }),
    feedback_source: {
      type: options.source,
      ...(options.user === undefined ? {} : { user_id: options.user }),
    },
  };
  const server = requireServer(options.dataDir);
  const stored = (await callServer(server, {
    method: "POST",
    path: "/api/v1/feedback",
    body: data,
    signal: io.signal,
  })) as JsonObject;
  const text = options.json === true ? rowsToJson(stored, 2) : inert(textOf(stored["id"]));
  await write(io.stdout, `${text}\n`);
}

function addList(feedback: Command, io: Io): void {
  withTarget(withDataDir(feedback.command("list")))
    .description("list feedback, newest first")
    .option("--key <key>", "only this key")
    .option("--source <type>", "only from this source: human, api, model, otel, ...")
    .option("--limit <n>", "at most this many", wholeNumber(1, FEEDBACK_PAGE_MAX), LIST_LIMIT)
    .option("--json", "print a JSON array")
    .addHelpText(
      "after",
      `
Needs a running server. Without one, ask the mirror: counterfoil sql "SELECT * FROM feedback".

Examples:
  counterfoil feedback list --key correctness --limit 5
  counterfoil feedback list --trace 4bf92f3577b34da6a3ce929d0e0e4736 --json`,
    )
    .action((options: ListOptions) => list(options, io));
}

async function list(options: ListOptions, io: Io): Promise<void> {
  if (options.span !== undefined && options.run === undefined && options.trace === undefined) {
    throw new CommandError(EXIT.usage, "--span needs --trace, as span ids are unique within a trace only.");
  }
  const query = new URLSearchParams({ limit: String(options.limit) });
  const { run, trace, span, thread, project, example, key, source } = options;
  for (const [name, value] of Object.entries({ run, trace, span, thread, project, example, key, source })) {
    if (value !== undefined) query.set(name, value);
  }
  const path = `/api/v1/feedback?${query.toString()}`;
  const request = { method: "GET" as const, path, signal: io.signal };
  const rows = (await callServer(requireServer(options.dataDir), request)) as JsonObject[];
  if (options.json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
  if (rows.length === 0) return write(io.stderr, "No feedback matches.\n");
  const names = ["id", "created (UTC)", "about", "key", "score", "value", "source", "comment"];
  return write(
    io.stdout,
    renderTable({
      columns: names.map((name) => ({ name })),
      rows: rows.map(cells),
      width: terminalWidth(io),
      heading: io.paint.bold,
    }),
  );
}

function cells(row: JsonObject): string[] {
  const source = row["feedback_source"] as JsonObject | null;
  const about =
    row["run_id"] ??
    row["trace_id"] ??
    row["thread_id"] ??
    row["project"] ??
    row["session_id"] ??
    row["example_id"];
  return [
    row["id"],
    textOf(row["created_at"]).slice(0, 19).replace("T", " "),
    about,
    row["key"],
    row["score"],
    row["value"],
    source?.["type"],
    row["comment"],
  ].map(textOf);
}

/** A cell: texts as they are, other values as JSON, nothing for null. */
function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function scoreOf(text: string): number | boolean {
  if (text === "true" || text === "false") return text === "true";
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value)) return value;
  throw new InvalidArgumentError("It must be a number, true or false.");
}

function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text;
  }
}
