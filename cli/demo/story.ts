import { join, resolve } from "node:path";
import { dataDirPaths } from "../../store/index.js";
import { type Paint } from "../output/paint.js";
import { fit, inert } from "../output/text.js";
import { formatCount, formatUsd } from "../output/values.js";
import { dataDirFlag, shellWord } from "../start/banner.js";
import { type AgentSummary } from "./agent-process.js";
import { type WrongRefund, WRONG_REFUND_SQL } from "./question.js";

/** What the demo says, part by part; every function gives finished text. */

const OPENING =
  "A hotel's support agent answers eight guests. One conversation fails, and everyone can see it. One answer is " +
  "confidently wrong, and no dashboard shows it: it was fast, cheap and a 200. The spans know; you have to be able to ask.";

/** The opening lines. */
export function opening(paint: Paint, width: number | undefined): string {
  return `${[paint.bold("Counterfoil demo"), ...wrap(OPENING, Math.min(110, width ?? 110))].join("\n")}\n`;
}

/** One numbered step with its lines. */
export function step(number: number, title: string, lines: readonly string[], paint: Paint): string {
  return `\n${paint.accent(`${number}`)} ${paint.bold(title)}\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

/** How the conversations went. */
export function conversationLines(summary: AgentSummary, seconds: number): string[] {
  const { conversations } = summary;
  const turns = conversations.reduce((sum, conversation) => sum + conversation.turns, 0);
  const failed = conversations.filter(({ outcome }) => outcome === "failed");
  return [
    `${conversations.length} conversations, ${turns} messages, in ${seconds.toFixed(1)} s: ${conversations.length - failed.length} answered, ${failed.length} failed`,
    ...failed.map(
      ({ conversationId, lastAnswer }) => `${inert(conversationId)} failed: ${inert(lastAnswer)}`,
    ),
  ];
}

/** Where everything is now. */
export function placeLines(facts: {
  readonly dataDir: string;
  readonly spans: number;
  readonly files: number;
  readonly langsmith: string;
}): string[] {
  const { mirror } = dataDirPaths(resolve(facts.dataDir));
  return [
    `${formatCount(facts.spans)} spans accepted: each was on disk before its sender got an answer, and all are in SQL now`,
    `Parquet    ${join(mirror, "spans")}  (${formatCount(facts.files)} file${facts.files === 1 ? "" : "s"})`,
    `SQL        cd ${shellWord(mirror)} && duckdb -init open.sql   (any DuckDB, without Counterfoil)`,
    `LangSmith  ${facts.langsmith}`,
  ];
}

/** The query, and each wrong answer with its cost. */
export function questionLines(
  found: readonly WrongRefund[],
  paint: Paint,
  width: number | undefined,
): string[] {
  const lines = [...WRONG_REFUND_SQL.split("\n").map((line) => paint.dim(line)), ""];
  if (found.length === 0) return [...lines, "No wrong answer found."];
  for (const row of found) {
    const cost = row.cost_usd === null ? "" : `  cost ${formatUsd(row.cost_usd)}`;
    lines.push(
      `${paint.bold(inert(row.conversation_id ?? ""))}  rate ${inert(row.rate ?? "?")}${cost}  trace ${row.trace_id}`,
      ...wrap(`"${inert(row.answer)}"`, Math.min(110, (width ?? 112) - 2)),
    );
  }
  return lines;
}

/** How to go on: commands that work as they stand. */
export function goOnLines(facts: {
  command: string;
  dataDir: string;
  traceId: string | undefined;
  kept: boolean;
}): string[] {
  const flag = dataDirFlag(facts.dataDir);
  const lines = [
    `${facts.command} traces list${flag}`,
    `${facts.command} sql${flag} "SELECT model, calls, input_tokens, output_tokens, cost_usd FROM costs"`,
  ];
  if (facts.traceId !== undefined)
    lines.push(`${facts.command} traces show ${facts.traceId.slice(0, 8)} --full${flag}`);
  lines.push(
    facts.kept ? "Ctrl-C stops the server." : `${facts.command} start    # a collector for your own agents`,
  );
  return lines;
}

/** Breaks a line at spaces so that no piece is wider than `cells`. */
export function wrap(text: string, cells: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && `${line} ${word}`.length > cells) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((piece) => fit(piece, cells));
}
