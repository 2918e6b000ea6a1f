import { type Command, Option } from "commander";
import { AGREEMENT_LEVELS, type AgreementLevel, type AgreementReport } from "../../loop/index.js";
import { type Io, terminalWidth, write } from "../io.js";
import { shown, withDataDir } from "../options.js";
import { renderTable } from "../output/table.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

interface AgreementOptions {
  readonly dataDir: string;
  readonly key: string;
  readonly level: AgreementLevel;
  readonly json?: boolean;
}

/** `feedback agreement`. */
export function addAgreementCommand(feedback: Command, io: Io): void {
  withDataDir(feedback.command("agreement"))
    .description("show how far those who gave feedback of one key agree")
    .requiredOption("--key <key>", "what was judged, for example correctness")
    .addOption(
      new Option("--level <level>", "how far apart two ratings are: same or not, by rank, by difference")
        .choices(AGREEMENT_LEVELS)
        .default("nominal"),
    )
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Needs a running server. A rater is the user that gave the feedback, else its source (human, model, ...).
1 is full agreement, 0 is what chance would give.

Examples:
  counterfoil feedback agreement --key correctness
  counterfoil feedback agreement --key stars --level interval --json`,
    )
    .action((options: AgreementOptions) => agreement(options, io));
}

async function agreement(options: AgreementOptions, io: Io): Promise<void> {
  const query = new URLSearchParams({ key: options.key, level: options.level });
  const path = `/api/v1/feedback/agreement?${query.toString()}`;
  const request = { method: "GET" as const, path, signal: io.signal };
  const report = (await callServer(requireServer(options.dataDir), request)) as AgreementReport;
  if (options.json === true) return write(io.stdout, `${rowsToJson(report, 2)}\n`);
  const { raters, compared, rated, level } = report;
  if (rated === 0) return write(io.stderr, `No feedback with the key ${shown(options.key)}.\n`);
  const lines = [
    `${raters.length} raters; ${compared} of ${rated} rated things have at least two ratings.`,
    `Krippendorff's alpha (${level})  ${figure(report.krippendorffAlpha)}`,
    `Fleiss' kappa                   ${figure(report.fleissKappa)}  over ${report.fleissThings} things`,
  ];
  await write(io.stdout, `${lines.map(inert).join("\n")}\n`);
  if (report.pairs.length === 0) return;
  const table = renderTable({
    columns: ["rater", "rater", "things", "agreed", "Cohen's kappa"].map((name) => ({ name })),
    rows: report.pairs.map(({ raters: [first, second], things, agreed, cohenKappa }) => [
      first,
      second,
      String(things),
      figure(agreed),
      figure(cohenKappa),
    ]),
    width: terminalWidth(io),
    heading: io.paint.bold,
  });
  await write(io.stdout, `\n${table}`);
}

function figure(value: number | null): string {
  return value === null ? "not defined" : value.toFixed(3);
}
