import { Command } from "commander";
import { addCoverageCommand } from "./commands/coverage.js";
import { addDatasetsCommand } from "./commands/datasets.js";
import { addDemoCommand } from "./commands/demo.js";
import { addDoctorCommand } from "./commands/doctor.js";
import { addDropDestinationCommand } from "./commands/drop-destination.js";
import { addEraseCommand } from "./commands/erase.js";
import { addExplainCommand } from "./commands/explain.js";
import { addRenormaliseCommand } from "./commands/renormalise.js";
import { addDrillCommand } from "./commands/drill.js";
import { addExportDatasetCommand } from "./commands/export-dataset.js";
import { addExportCommand } from "./commands/export.js";
import { addImportCommand } from "./commands/import.js";
import { addFeedbackCommand } from "./commands/feedback.js";
import { addImportLangSmithCommand } from "./commands/import-langsmith.js";
import { addExportLangSmithCommand, addImportLangSmithExportCommand } from "./commands/langsmith-parquet.js";
import { addPricesCommand } from "./commands/prices.js";
import { addReplayCommand } from "./commands/replay.js";
import { addRulesCommand } from "./commands/rules.js";
import { addScrubCommand } from "./commands/scrub.js";
import { addSnapshotCommand } from "./commands/snapshot.js";
import { addSqlCommand } from "./commands/sql.js";
import { addStartCommand } from "./commands/start.js";
import { addStatusCommand } from "./commands/status.js";
import { addTailCommand } from "./commands/tail.js";
import { addThreadsCommand } from "./commands/threads.js";
import { addTracesCommand } from "./commands/traces.js";
import { addValidateCommand } from "./commands/validate.js";
import { addVerifyCommand } from "./commands/verify.js";
import { EXIT_CODE_TEXT } from "./exit-codes.js";
import { type Io } from "./io.js";
import { VERSION } from "./version.js";

/** Cells that help is written for when the output is no terminal: fixed, so that documentation can quote it. */
const HELP_CELLS = 100;

/** The whole command line. Errors of usage are thrown as CommanderError after their message was printed. */
export function createProgram(io: Io): Command {
  const program = new Command("counterfoil")
    .description(
      "The copy you keep: stores OpenTelemetry GenAI spans durably, sends them on, and answers questions in SQL.",
    )
    .version(VERSION, "-V, --version", "print the version")
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help for a command")
    .showHelpAfterError("(add --help for what is possible)")
    .showSuggestionAfterError(true)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => (io.stdout.isTTY ? io.stdout.columns || 80 : HELP_CELLS),
      getErrHelpWidth: () => (io.stderr.isTTY ? io.stderr.columns || 80 : HELP_CELLS),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  program.commandsGroup("Run:");
  addStartCommand(program, io);
  addDemoCommand(program, io);
  program.commandsGroup("Look:");
  addStatusCommand(program, io);
  addTracesCommand(program, io);
  addThreadsCommand(program, io);
  addTailCommand(program, io);
  addSqlCommand(program, io);
  addExplainCommand(program, io);
  addCoverageCommand(program, io);
  program.commandsGroup("Judge:");
  addFeedbackCommand(program, io);
  addRulesCommand(program, io);
  addDatasetsCommand(program, io);
  program.commandsGroup("Leave and come back:");
  addExportDatasetCommand(addExportCommand(program, io), io);
  addExportLangSmithCommand(program, io);
  const importCommand = addImportCommand(program, io);
  addImportLangSmithCommand(importCommand, io);
  addImportLangSmithExportCommand(importCommand, io);
  addVerifyCommand(program, io);
  addDrillCommand(program, io);
  addSnapshotCommand(program, io);
  program.commandsGroup("Operate:");
  addReplayCommand(program, io);
  addDropDestinationCommand(program, io);
  addScrubCommand(program, io);
  addEraseCommand(program, io);
  addRenormaliseCommand(program, io);
  addPricesCommand(program, io);
  addValidateCommand(program, io);
  addDoctorCommand(program, io);
  program.addHelpText("after", footer());
  return program;
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
