import type { JsonObject, JsonValue } from "../../schema/index.js";
import { readMessages } from "../output/messages.js";
import type { Paint } from "../output/paint.js";
import { fit, inert } from "../output/text.js";
import { formatDurationNs, formatUsd } from "../output/values.js";
import { wrap } from "../output/wrap.js";
import { type Answer, type Question, textOf } from "./answers.js";
import type { ReviewCounts, ReviewItem } from "./review-server.js";

/** Everything that the screen shows. */
export interface ReviewView {
  readonly queue: string;
  readonly reviewer: string;
  readonly instructions: string;
  readonly counts: ReviewCounts;
  readonly item: ReviewItem;
  readonly questions: readonly Question[];
  readonly at: number;
  readonly answers: ReadonlyMap<string, Answer>;
  readonly scroll: number;
  /** Whether the last turn of a thread comes first. */
  readonly isNewestFirst: boolean;
  readonly message: string;
  /** What is being typed, with what it is for; undefined when nothing is. */
  readonly typing: { readonly prompt: string; readonly text: string } | undefined;
}

interface Size {
  readonly columns: number;
  readonly rows: number;
}

const HELP =
  "0-9 score · s type a score · v value · c comment · e correction · Tab next question · x clear · d done · k skip · b back · ↑↓ scroll · q quit";

const TURN_HELP = "n next turn · p turn before · o order of turns";

/** A screen: its lines, how far it can be scrolled, and to where for each turn of a thread. */
export interface ReviewScreen {
  readonly lines: readonly string[];
  readonly scrollMax: number;
  readonly turnsAt: readonly number[];
}

/** The screen of a view. */
export function renderReview(view: ReviewView, { columns, rows }: Size, paint: Paint): ReviewScreen {
  const head = headOf(view, columns, paint);
  const foot = footOf(view, columns, paint);
  const { lines: body, turnsAt } = bodyOf(view, columns, paint);
  const room = Math.max(1, rows - head.length - foot.length);
  const scrollMax = Math.max(0, body.length - room);
  const from = Math.min(view.scroll, scrollMax);
  const shown = body.slice(from, from + room);
  const filled = [...shown, ...Array.from({ length: room - shown.length }, () => "")];
  return { lines: [...head, ...filled, ...foot].slice(0, rows), scrollMax, turnsAt };
}

function headOf({ queue, reviewer, counts, item }: ReviewView, columns: number, paint: Paint): string[] {
  const { run } = item;
  const duration = run["duration_ms"];
  const cost = run["cost_usd"];
  const facts = [
    textOf(run["name"]),
    textOf(run["run_type"]),
    textOf(run["status"]),
    typeof duration === "number" ? formatDurationNs(duration * 1e6) : "",
    textOf(run["request_model"]),
    typeof cost === "number" ? formatUsd(cost) : "",
    textOf(run["project"]),
    textOf(run["start_time"]).slice(0, 19).replace("T", " "),
  ].filter((fact) => fact !== "");
  const left = `${counts.needs_my_review} to review, ${counts.archived} done`;
  return [
    paint.bold(fit(inert(`${queue} · ${left} · ${reviewer}`), columns)),
    fit(inert(facts.join("  ")), columns),
    paint.dim("─".repeat(columns)),
  ];
}

interface Body {
  readonly lines: string[];
  /** First lines of the turns, as they are shown. */
  readonly turnsAt: number[];
}

function bodyOf(view: ReviewView, columns: number, paint: Paint): Body {
  const { instructions, item, isNewestFirst } = view;
  const { run, feedback, thread } = item;
  const lines: string[] = [];
  const turnsAt: number[] = [];
  const section = (title: string, texts: readonly string[]): void => {
    if (texts.length === 0) return;
    lines.push(
      paint.accent(title),
      ...texts.flatMap((text) => wrap(text, columns - 2).map((line) => `  ${line}`)),
    );
  };
  section("Asked", instructions === "" ? [] : [instructions]);
  // An item that stands for a thread is its last turn: what is known of it alone is shown with that.
  const turns = thread?.turns ?? [];
  const numbered = turns.map((turn, at) => ({ turn, at }));
  for (const { turn, at } of isNewestFirst ? numbered.toReversed() : numbered) {
    turnsAt.push(lines.length);
    const isOwn = turn["run_id"] === run["run_id"];
    lines.push(paint.bold(fit(inert(turnTitle(turn, `Turn ${at + 1} of ${turns.length}`)), columns)));
    section("Input", contentOf(turn["inputs"], "input"));
    if (isOwn) section("Tool calls", toolCallsOf(run));
    section("Output", contentOf(turn["outputs"], "output"));
  }
  if (turns.length === 0) {
    section("Input", contentOf(run["inputs"], "input"));
    section("Tool calls", toolCallsOf(run));
    section("Output", contentOf(run["outputs"], "output"));
  }
  section("Error", (run["error"] ?? null) === null ? [] : [textOf(run["error"])]);
  section("Feedback", feedback.map(feedbackText));
  return { lines, turnsAt };
}

function turnTitle(turn: JsonObject, place: string): string {
  const time = textOf(turn["start_time"]).slice(0, 19).replace("T", " ");
  return [place, textOf(turn["name"]), time].filter((part) => part !== "").join(" · ");
}

function toolCallsOf(run: JsonObject): string[] {
  return ((run["tool_calls"] ?? []) as readonly JsonObject[]).map(toolCallText);
}

/** Messages where there are some; of any other object each member. */
function contentOf(value: JsonValue | undefined, who: string): string[] {
  if (value === undefined || value === null) return [];
  const said = (list: JsonValue): string[] =>
    readMessages(JSON.stringify(list), who).map((each) => `${each.who}: ${each.text}`);
  if (typeof value !== "object" || Array.isArray(value)) return said(value);
  return Object.entries(value).flatMap(([name, member]) => {
    if (name === "messages") return typeof member === "string" ? [member] : said(member);
    return [`${name}: ${typeof member === "string" ? member : JSON.stringify(member, null, 2)}`];
  });
}

function toolCallText(call: JsonObject): string {
  const error = (call["error"] ?? null) === null ? "" : ` failed: ${textOf(call["error"])}`;
  const result = (call["result"] ?? null) === null ? "" : ` → ${textOf(call["result"])}`;
  return `${textOf(call["name"])}(${textOf(call["arguments"])})${result}${error}`;
}

function feedbackText(feedback: JsonObject): string {
  const source = (feedback["feedback_source"] ?? {}) as JsonObject;
  const by = [source["type"], source["user_id"]].map(textOf).filter((text) => text !== "");
  const { score, value, comment, correction } = feedback;
  return `${textOf(feedback["key"])} ${answerText({ score, value, comment, correction })} (${by.join(" ")})`;
}

function footOf(view: ReviewView, columns: number, paint: Paint): string[] {
  const { questions, at, answers, message, typing } = view;
  const question = questions[at];
  const list = questions.map(({ key, isRequired }, index) => {
    const answer = answers.get(key);
    const said = answer === undefined ? "–" : answerText(answer);
    const text = fit(inert(`${index === at ? "▸" : " "} ${key}${isRequired ? "*" : ""}  ${said}`), columns);
    return index === at ? paint.bold(text) : text;
  });
  const about = [question?.description ?? "", ...(question?.meanings ?? [])].filter((text) => text !== "");
  const last =
    typing === undefined
      ? paint.warn(fit(inert(message), columns))
      : fit(inert(`${typing.prompt}${typing.text}▏`), columns);
  return [
    paint.dim("─".repeat(columns)),
    ...list,
    paint.dim(fit(inert(about.join(" · ")), columns)),
    last,
    ...wrap((view.item.thread ?? undefined) === undefined ? HELP : `${TURN_HELP} · ${HELP}`, columns).map(
      paint.dim,
    ),
  ];
}

function answerText(answer: { readonly [Name in keyof Answer]?: JsonValue | undefined }): string {
  const { score, value, comment, correction } = answer;
  const parts = [
    ...((score ?? null) === null ? [] : [textOf(score)]),
    ...((value ?? null) === null ? [] : [textOf(value)]),
    ...((comment ?? null) === null ? [] : [JSON.stringify(comment)]),
    ...((correction ?? null) === null ? [] : [`correction ${textOf(correction)}`]),
  ];
  return parts.length === 0 ? "–" : parts.join("  ");
}
