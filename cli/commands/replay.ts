import { type Command } from "commander";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { pointInTime, withDataDir } from "../options.js";
import { createProgress } from "../output/progress.js";
import { formatCount } from "../output/values.js";
import { callServer, requireServer } from "../server-client.js";

/** A replay may send days of data; the server does it in one request. */
const REPLAY_TIMEOUT_MS = 24 * 3600 * 1000;

interface ReplayOptions {
  readonly dataDir: string;
  readonly from?: { readonly from_seq: number } | { readonly from_time: string };
  readonly to: string;
  readonly deadLetters?: boolean;
  readonly json?: boolean;
}

interface ReplayAnswer {
  readonly from_seq: number;
  readonly to_seq: number;
  readonly read: number;
  readonly delivered: number;
  readonly filtered: number;
  readonly dead_letter: number;
}

interface DeadLetterAnswer {
  readonly files: number;
  readonly delivered: number;
  readonly kept: number;
}

/** `replay`: sends again what is in the journal, or what was set aside as dead letters. */
export function addReplayCommand(program: Command, io: Io): void {
  withDataDir(program.command("replay"))
    .description("send a part of the journal, or the dead letters, to one destination again")
    .option("--from <start>", "journal seq, ISO time, or how long ago (2h, 7d); up to now", startOf)
    .requiredOption("--to <exporter>", "destination, as it is called in the configuration and in `status`")
    .option("--dead-letters", "send what the destination refused before, instead of a part of the journal")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      `
Needs a running server. The destination's own position does not move, and what it had before it recognises by its ids.

Examples:
  counterfoil replay --from 2h --to langsmith
  counterfoil replay --from 1 --to otlp_http/backup
  counterfoil replay --dead-letters --to langsmith`,
    )
    .action((options: ReplayOptions) => replay(options, io));
}

async function replay(options: ReplayOptions, io: Io): Promise<void> {
  const { from, to } = options;
  if ((from === undefined) === (options.deadLetters !== true)) {
    throw new CommandError(EXIT.usage, "Say either --from <start> or --dead-letters.");
  }
  const server = requireServer(options.dataDir);
  const progress = createProgress({ label: `replay to ${to}`, stream: io.stderr });
  let answer: unknown;
  try {
    answer = await callServer(server, {
      method: "POST",
      path: "/api/v1/replay",
      body: options.deadLetters ? { to, dead_letters: true } : { to, ...from },
      timeoutMs: REPLAY_TIMEOUT_MS,
      signal: io.signal,
    });
  } finally {
    progress.end();
  }
  const text = options.json
    ? JSON.stringify(answer, null, 2)
    : options.deadLetters
      ? deadLetterText(answer as DeadLetterAnswer)
      : replayText(answer as ReplayAnswer, to);
  await write(io.stdout, `${text}\n`);
}

function replayText(answer: ReplayAnswer, to: string): string {
  const { read, delivered, filtered, dead_letter: deadLetter } = answer;
  const rest = [
    filtered > 0 ? `${formatCount(filtered)} filtered` : "",
    deadLetter > 0 ? `${formatCount(deadLetter)} refused (dead letters)` : "",
  ].filter((part) => part !== "");
  const range = `requests ${formatCount(answer.from_seq)} to ${formatCount(answer.to_seq)}`;
  return `Sent ${formatCount(delivered)} of ${formatCount(read)} items to ${to} again (${range})${rest.length === 0 ? "" : `; ${rest.join(", ")}`}.`;
}

function deadLetterText({ files, delivered, kept }: DeadLetterAnswer): string {
  if (files === 0) return "There are no dead letters.";
  const rest = kept === 0 ? "" : `; ${formatCount(kept)} were refused again and stay`;
  return `Sent ${formatCount(delivered)} dead letter${delivered === 1 ? "" : "s"} from ${files} file(s)${rest}.`;
}

/** Parser of `--from`: a plain number is a journal seq, anything else a time. */
function startOf(text: string): ReplayOptions["from"] {
  if (/^\d+$/.test(text.trim())) return { from_seq: Number(text) };
  return { from_time: pointInTime(text).toISOString() };
}
