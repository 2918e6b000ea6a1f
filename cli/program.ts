import { Command, Help, type Option } from "commander";
import { EXIT_CODE_TEXT } from "./exit-codes.js";
import { type Io } from "./io.js";
import { VERSION } from "./version.js";

/** Cells that help is written for when the output is no terminal: fixed, so that documentation can quote it. */
const HELP_CELLS = 100;

/** Ask for nothing that a command knows. */
const VERSION_FLAGS: readonly string[] = ["-V", "--version"];

/** Adds one command, with its subcommands. */
type AddCommand = (program: Command, io: Io) => unknown;

/** The commands in the order and under the headings of the help. Each is loaded when it is needed. */
const COMMANDS: Readonly<Record<string, Readonly<Record<string, () => Promise<AddCommand>>>>> = {
  "Run:": {
    start: async () => (await import("./commands/start.js")).addStartCommand,
    demo: async () => (await import("./commands/demo.js")).addDemoCommand,
  },
  "Look:": {
    status: async () => (await import("./commands/status.js")).addStatusCommand,
    traces: async () => (await import("./commands/traces.js")).addTracesCommand,
    threads: async () => (await import("./commands/threads.js")).addThreadsCommand,
    tail: async () => (await import("./commands/tail.js")).addTailCommand,
    sql: async () => (await import("./commands/sql.js")).addSqlCommand,
    explain: async () => (await import("./commands/explain.js")).addExplainCommand,
    coverage: async () => (await import("./commands/coverage.js")).addCoverageCommand,
  },
  "Judge:": {
    feedback: async () => (await import("./commands/feedback.js")).addFeedbackCommand,
    rules: async () => (await import("./commands/rules.js")).addRulesCommand,
    evaluators: async () => (await import("./commands/evaluators.js")).addEvaluatorsCommand,
    alerts: async () => (await import("./commands/alerts.js")).addAlertsCommand,
    tags: async () => (await import("./commands/marks.js")).addTagsCommand,
    queues: async () => (await import("./commands/queues.js")).addQueuesCommand,
    review: async () => (await import("./commands/review.js")).addReviewCommand,
    datasets: async () => (await import("./commands/datasets.js")).addDatasetsCommand,
  },
  "Leave and come back:": {
    export: exportCommands,
    "export-langsmith": async () =>
      (await import("./commands/langsmith-parquet.js")).addExportLangSmithCommand,
    import: importCommands,
    verify: async () => (await import("./commands/verify.js")).addVerifyCommand,
    drill: async () => (await import("./commands/drill.js")).addDrillCommand,
    snapshot: async () => (await import("./commands/snapshot.js")).addSnapshotCommand,
  },
  "Operate:": {
    replay: async () => (await import("./commands/replay.js")).addReplayCommand,
    "drop-destination": async () =>
      (await import("./commands/drop-destination.js")).addDropDestinationCommand,
    egress: async () => (await import("./commands/egress.js")).addEgressCommand,
    scrub: async () => (await import("./commands/scrub.js")).addScrubCommand,
    erase: async () => (await import("./commands/erase.js")).addEraseCommand,
    pins: async () => (await import("./commands/marks.js")).addPinsCommand,
    renormalise: async () => (await import("./commands/renormalise.js")).addRenormaliseCommand,
    prices: async () => (await import("./commands/prices.js")).addPricesCommand,
    validate: async () => (await import("./commands/validate.js")).addValidateCommand,
    doctor: async () => (await import("./commands/doctor.js")).addDoctorCommand,
  },
};

async function exportCommands(): Promise<AddCommand> {
  const [{ addExportCommand }, { addExportDatasetCommand }] = await Promise.all([
    import("./commands/export.js"),
    import("./commands/export-dataset.js"),
  ]);
  return (program, io) => addExportDatasetCommand(addExportCommand(program, io), io);
}

async function importCommands(): Promise<AddCommand> {
  const [bundle, dataset, langsmith, langsmithParquet, traces] = await Promise.all([
    import("./commands/import.js"),
    import("./commands/import-dataset.js"),
    import("./commands/import-langsmith.js"),
    import("./commands/langsmith-parquet.js"),
    import("./commands/import-traces.js"),
  ]);
  return (program, io) => {
    const command = bundle.addImportCommand(program, io);
    dataset.addImportDatasetCommand(command, io);
    langsmith.addImportLangSmithCommand(command, io);
    langsmithParquet.addImportLangSmithExportCommand(command, io);
    traces.addImportTracesCommands(command, io);
  };
}

/**
 * The command line: of the one command that `args` begins with, or whole when it begins with none, as help needs it
 * (the version needs no command). One
 * command alone starts in half the time. Errors of usage are thrown as CommanderError after their message was printed.
 */
export async function createProgram(io: Io, args: readonly string[] = []): Promise<Command> {
  const program = new Command("counterfoil")
    .description(
      "The copy you keep: stores OpenTelemetry GenAI spans durably, sends them on, and answers questions in SQL.",
    )
    .version(VERSION, VERSION_FLAGS.join(", "), "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .showHelpAfterError("(add --help for what is possible)")
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .configureHelp({ optionDescription })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => (io.stdout.isTTY ? io.stdout.columns || 80 : HELP_CELLS),
      getErrHelpWidth: () => (io.stderr.isTTY ? io.stderr.columns || 80 : HELP_CELLS),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  const [wanted = ""] = args;
  const isWhole = !isCommand(wanted) && !VERSION_FLAGS.includes(wanted);
  for (const [heading, commands] of Object.entries(COMMANDS)) {
    program.commandsGroup(heading);
    for (const [name, load] of Object.entries(commands)) {
      if (isWhole || name === wanted) (await load())(program, io);
    }
  }
  program.addHelpText("after", footer());
  return program;
}

/** As commander has it, but "nothing" is no default worth reading. */
function optionDescription(option: Option): string {
  return Help.prototype.optionDescription.call(new Help(), option).replace(" (default: [])", "");
}

function isCommand(name: string): boolean {
  return Object.values(COMMANDS).some((commands) => Object.hasOwn(commands, name));
}

function footer(): string {
  const codes = Object.entries(EXIT_CODE_TEXT).map(([code, text]) => `  ${code.padStart(3)}  ${text}`);
  return `
First steps:
  counterfoil demo                         see it work in a few seconds
  counterfoil start                        receive spans on 127.0.0.1:4318 (HTTP) and :4317 (gRPC)
  counterfoil traces list                  what came in
  counterfoil sql "SELECT * FROM traces"   ask anything

Exit codes:
${codes.join("\n")}
`;
}
