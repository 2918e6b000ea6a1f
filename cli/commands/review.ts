import { userInfo } from "node:os";
import { type Command, Option } from "commander";
import { formatCount } from "../output/values.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { DEFAULT_KEY, questionsOf } from "../review/answers.js";
import { createReviewServer } from "../review/review-server.js";
import { type ReviewSummary, ReviewSession } from "../review/session.js";
import { withTerminal } from "../review/terminal.js";
import { requireServer } from "../server-client.js";

interface ReviewOptions {
  readonly dataDir: string;
  readonly reviewer?: string;
  readonly key: string;
}

/** `review`: a person's way through an annotation queue, by keyboard. */
export function addReviewCommand(program: Command, io: Io): void {
  withDataDir(program.command("review"))
    .description("review the runs of an annotation queue, by keyboard: what you say is feedback on them")
    .argument("<queue>", "name or id of the queue")
    .addOption(
      new Option("--reviewer <name>", "who reviews; by default the user of this machine").env(
        "COUNTERFOIL_REVIEWER",
      ),
    )
    .option("--key <key>", "key of the feedback where the queue has no rubric", DEFAULT_KEY)
    .addHelpText(
      "after",
      `
Needs a running server and a terminal. VISUAL or EDITOR is the editor for corrections.

Keys: 0 to 9 give that score, s types one, v a value, c a comment; e corrects the output in the editor; Tab goes to the
next question, x clears its answer; d sends the answers and completes the review, k leaves the item to others, b goes back;
arrows and Page keys scroll; q leaves. Of an item that stands for a thread all turns are shown: n and p go to the next turn
and the one before, o turns their order round.

Examples:
  counterfoil review answers
  counterfoil review answers --reviewer ann`,
    )
    .action((queue: string, options: ReviewOptions) => review(queue, options, io));
}

async function review(name: string, options: ReviewOptions, io: Io): Promise<void> {
  requireServer(options.dataDir);
  const reviewer = options.reviewer ?? userInfo().username;
  const server = createReviewServer(options.dataDir, name, reviewer);
  // Before the screen is taken: what is wrong with the name is said where it was typed.
  const queue = await server.queue();
  const summary = await withTerminal(io, (terminal) =>
    new ReviewSession({
      server,
      terminal,
      paint: io.paint,
      queue: queue.name,
      instructions: queue.rubric_instructions ?? "",
      reviewer,
      questions: questionsOf(queue, options.key),
    }).run(),
  );
  io.signal.throwIfAborted();
  await write(io.stdout, `${summaryText(summary)}\n`);
}

function summaryText({ completed, skipped, counts, isEmpty }: ReviewSummary): string {
  const did = `Reviewed ${formatCount(completed)}, skipped ${formatCount(skipped)}.`;
  const others = counts.needs_others_review;
  const waiting =
    others === 0 ? "" : ` ${formatCount(others)} ${others === 1 ? "waits" : "wait"} for others.`;
  if (isEmpty) return `${did} Nothing is left for you.${waiting}`;
  return `${did} Go on with the same command.`;
}
