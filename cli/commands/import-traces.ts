import { existsSync } from "node:fs";
import { type Command } from "commander";
import type { TraceFormat } from "../../loop/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";

interface ImportTracesOptions {
  readonly dataDir: string;
  readonly project?: string;
  readonly json?: boolean;
}

/** `import phoenix`, `langfuse`, `inspect` and `atif`, below `import`: what these wrote to files. */
export function addImportTracesCommands(parent: Command, io: Io): void {
  add(parent, io, {
    format: "phoenix",
    what: "take in traces that Phoenix, or anything that writes OTLP in JSON, wrote to files",
    argument: "a .json or .jsonl file, or a folder of them, also with .gz",
    help: `
Takes what Phoenix downloads (OTLP JSON, and its own JSON Lines), pages of its API (spans, span and trace annotations), and
OTLP in JSON as the OpenTelemetry Collector's file exporter and \`counterfoil export --format otlp\` write it. Annotations inside
spans are feedback on them. Logs and metrics are left out, and counted.`,
    example: "counterfoil import phoenix traces.jsonl --project support",
  });
  add(parent, io, {
    format: "langfuse",
    what: "take in observations, traces and scores that Langfuse exported to files",
    argument: "a .parquet, .jsonl, .json or .csv file, or a folder of them, also with .gz",
    help: `
Takes what the export to blob storage writes (observations_v2/, or traces/ and observations/; scores/) and what the API answers
with. Scores are feedback: those of people, of evaluators and of the API are told apart. Import all of an export at once: what
its traces/ say goes onto their observations.`,
    example: "counterfoil import langfuse ./langfuse-export --project support",
  });
  add(parent, io, {
    format: "inspect",
    what: "take in logs of evaluations that Inspect wrote",
    argument: "an .eval or .json log, or a folder of them",
    help: `
Each sample of each epoch is a trace: the sample, with its calls of models and tools below. Its scores are feedback, each under
the name of its scorer. Without --project the name of the task is the project. Aggregated results are not taken: they can be
computed from the scores.`,
    example: "counterfoil import inspect ./logs",
  });
  add(parent, io, {
    format: "atif",
    what: "take in trajectories of agents (ATIF, Agent Trajectory Interchange Format)",
    argument: "a .json or .jsonl file, or a folder of them, also with .gz",
    help: `
Takes ATIF 1.x, as Harbor and other agents write it. A trajectory is a trace: the agent, its calls of models and tools, and its
subagents below the calls that started them. A call has what came since the one before as its input. A step has one time, so
that spans of calls have no duration; a trajectory without any time can't be taken.`,
    example: "counterfoil import atif trajectory.json --project agents",
  });
}

interface Kind {
  readonly format: TraceFormat;
  readonly what: string;
  readonly argument: string;
  readonly help: string;
  readonly example: string;
}

function add(parent: Command, io: Io, { argument, example, format, help, what }: Kind): void {
  withDataDir(parent.command(format))
    .description(what)
    .argument("<path>", argument)
    .option("--project <name>", "project that the spans go to")
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `${help}

What is here already is not stored again. Works with or without a running server. Ends with 1 when something could not be
taken; the report says what and why.

Examples:
  ${example}`,
    )
    .action(async (path: string, options: ImportTracesOptions) => run(path, { ...options, format }, io));
}

async function run(
  path: string,
  options: ImportTracesOptions & { readonly format: TraceFormat },
  io: Io,
): Promise<void> {
  const [{ importTraces }, { createMirrorReader }, { openDoor }, { createProgress }, { reportText }] =
    await Promise.all([
      import("../../loop/index.js"),
      import("../../store/index.js"),
      import("../bundle/doors.js"),
      import("../output/progress.js"),
      import("../import/report-text.js"),
    ]);
  const { dataDir, format, project } = options;
  // Before a data directory is made for nothing.
  if (!existsSync(path)) throw new CommandError(EXIT.notFound, `There is nothing at ${path}.`);
  const door = await openDoor(dataDir, io.signal);
  const reader = createMirrorReader({ dataDir });
  const progress = createProgress({ label: "importing", stream: io.stderr, unit: "things" });
  try {
    const report = await importTraces({
      path,
      format,
      project,
      dataDir,
      door,
      read: (sql, params) => reader.query(sql, params),
      signal: io.signal,
      onProgress: (things, file, files) => progress.update(things, undefined, `file ${file} of ${files}`),
    }).finally(() => progress.end());
    await write(
      io.stdout,
      options.json === true ? `${JSON.stringify(report, null, 2)}\n` : reportText(report),
    );
    if (!report.complete) io.exitCode = EXIT.failure;
  } finally {
    await reader.close();
    await door.close();
  }
}
