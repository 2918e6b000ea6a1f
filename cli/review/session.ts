import { isDeepStrictEqual } from "node:util";
import { errorMessage, type JsonValue } from "../../schema/index.js";
import type { Paint } from "../output/paint.js";
import { type Answer, answersOf, feedbackOf, type Question } from "./answers.js";
import type { ReviewCounts, ReviewItem, ReviewServer } from "./review-server.js";
import { renderReview } from "./screen.js";
import type { Terminal } from "./terminal.js";

/** What reviewing works with. */
export interface ReviewPorts {
  readonly server: ReviewServer;
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly queue: string;
  readonly instructions: string;
  readonly reviewer: string;
  readonly questions: readonly Question[];
}

/** What came of it. */
export interface ReviewSummary {
  readonly completed: number;
  readonly skipped: number;
  readonly counts: ReviewCounts;
  /** No item was left for this reviewer. */
  readonly isEmpty: boolean;
}

/** One reviewer's way through a queue, key by key. */
export class ReviewSession {
  readonly #ports: ReviewPorts;
  /** Ids of the items that were shown, in order; the current one is at `#place`. */
  readonly #shown: string[] = [];
  #place = -1;
  #item: ReviewItem | undefined;
  #counts: ReviewCounts = { needs_my_review: 0, needs_others_review: 0, archived: 0 };
  #answers = new Map<string, Answer>();
  #before = new Map<string, Answer>();
  #at = 0;
  #scroll = 0;
  #scrollMax = 0;
  /** Lines at which the turns of a thread begin, as they are shown. */
  #turnsAt: readonly number[] = [];
  #isNewestFirst = false;
  #message = "";
  /** The key that must be pressed once more to lose what was not sent. */
  #confirm = "";
  readonly #completed = new Set<string>();
  readonly #skipped = new Set<string>();

  constructor(ports: ReviewPorts) {
    this.#ports = ports;
  }

  /** Until the reviewer leaves, nothing is left, or the command is stopped. What is open then is given back. */
  async run(): Promise<ReviewSummary> {
    let isEmpty = !(await this.#next());
    while (!isEmpty) {
      const key = await this.#key();
      if (key === undefined || key === "ctrl-c" || key === "ctrl-d") break;
      if (key === "q" && this.#mayLose(key)) break;
      try {
        isEmpty = (await this.#act(key)) === "empty";
      } catch (error) {
        this.#message = errorMessage(error);
      }
    }
    await this.#release();
    const [completed, skipped] = [this.#completed.size, this.#skipped.size];
    return { completed, skipped, counts: this.#counts, isEmpty };
  }

  async #act(key: string): Promise<"empty" | undefined> {
    if (key !== this.#confirm) this.#confirm = "";
    if (key !== "q" && key !== "resize") this.#message = "";
    switch (key) {
      case "tab":
      case "shift-tab":
        this.#at = (this.#at + (key === "tab" ? 1 : -1) + this.#questionCount) % this.#questionCount;
        return undefined;
      case "s":
        return this.#typeScore();
      case "v":
        return this.#type("value: ", (text) => this.#answer({ value: jsonOrText(text) }));
      case "c":
        return this.#type("comment: ", (text) => this.#answer({ comment: text }));
      case "e":
        return this.#correct();
      case "x":
        return this.#clear();
      case "d":
      case "enter":
        return this.#send("completed");
      case "k":
        return this.#mayLose(key) ? this.#send("skipped") : undefined;
      case "b":
        return this.#mayLose(key) ? this.#back() : undefined;
      case "n":
      case "p":
        return this.#toTurn(key);
      case "o":
        return this.#turnOrder();
      default:
        if (/^\d$/.test(key)) this.#answer({ score: Number(key) });
        else this.#scrollBy(key);
        return undefined;
    }
  }

  get #questionCount(): number {
    return this.#ports.questions.length;
  }

  get #question(): string {
    return this.#ports.questions[this.#at]?.key ?? "";
  }

  /** Draws, and waits for a key. */
  #key(typing?: { readonly prompt: string; readonly text: string }): Promise<string | undefined> {
    const { terminal, paint, queue, instructions, reviewer, questions } = this.#ports;
    if (this.#item !== undefined) {
      const view = { queue, instructions, reviewer, questions, counts: this.#counts, item: this.#item };
      const state = {
        at: this.#at,
        answers: this.#answers,
        scroll: this.#scroll,
        isNewestFirst: this.#isNewestFirst,
        message: this.#message,
        typing,
      };
      const { lines, scrollMax, turnsAt } = renderReview({ ...view, ...state }, terminal, paint);
      this.#scrollMax = scrollMax;
      this.#turnsAt = turnsAt;
      terminal.draw(lines);
    }
    return terminal.nextKey();
  }

  #answer(said: Answer): void {
    this.#answers.set(this.#question, { ...this.#answers.get(this.#question), ...said });
  }

  #clear(): undefined {
    const before = this.#before.get(this.#question);
    if (before === undefined) this.#answers.delete(this.#question);
    else {
      this.#answers.set(this.#question, before);
      this.#message = "That is what you sent; say something else to replace it.";
    }
  }

  async #type(prompt: string, take: (text: string) => void): Promise<undefined> {
    let text = "";
    for (;;) {
      const key = await this.#key({ prompt, text });
      if (key === undefined || key === "escape" || key === "ctrl-c") return;
      if (key === "enter") break;
      if (key === "backspace") text = text.replace(/.$/su, "");
      else if (key === "ctrl-u") text = "";
      else if (/^.$/su.test(key)) text += key;
    }
    if (text.trim() !== "") take(text.trim());
  }

  #typeScore(): Promise<undefined> {
    return this.#type("score: ", (text) => {
      const score = text === "true" ? 1 : text === "false" ? 0 : Number(text);
      if (Number.isFinite(score)) this.#answer({ score });
      else this.#message = `A score is a number, true or false, not ${text}.`;
    });
  }

  async #correct(): Promise<undefined> {
    const outputs = this.#item?.run["outputs"] ?? null;
    const before = this.#answers.get(this.#question)?.correction ?? outputs;
    const text = await this.#ports.terminal.edit(`${JSON.stringify(before, null, 2)}\n`);
    if (text === undefined) this.#message = "The editor failed; set VISUAL or EDITOR. Nothing was changed.";
    else if (text.trim() === "" || isDeepStrictEqual(jsonOrText(text), before))
      this.#message = "Nothing was changed.";
    else {
      const correction = jsonOrText(text);
      this.#answer({ correction });
      if (typeof correction === "string") this.#message = "The correction is no JSON; it is kept as a text.";
    }
  }

  /** Unsent answers are lost only when the key is pressed twice. */
  #mayLose(key: string): boolean {
    if (feedbackOf(this.#answers, this.#before).length === 0 || this.#confirm === key) return true;
    this.#confirm = key;
    this.#message = `What you entered is not sent: d sends it, ${key} once more drops it.`;
    return false;
  }

  async #send(status: "completed" | "skipped"): Promise<"empty" | undefined> {
    const id = this.#item?.id ?? "";
    const feedback = status === "completed" ? feedbackOf(this.#answers, this.#before) : [];
    if (status === "completed" && feedback.length === 0 && this.#before.size === 0 && this.#confirm !== "d") {
      this.#confirm = "d";
      this.#message =
        "You said nothing about it: d once more completes it all the same, k leaves it to others.";
      return undefined;
    }
    await this.#ports.server.review(id, status, feedback);
    const [to, from] =
      status === "completed" ? [this.#completed, this.#skipped] : [this.#skipped, this.#completed];
    to.add(id);
    from.delete(id);
    // Should there be no answer to what is next, nothing is sent twice.
    this.#before = new Map(this.#answers);
    return (await this.#next()) ? undefined : "empty";
  }

  async #next(): Promise<boolean> {
    const { item, counts } = await this.#ports.server.next();
    this.#counts = counts;
    if (item === null) return false;
    if (this.#shown.at(-1) !== item.id) this.#shown.push(item.id);
    this.#place = this.#shown.length - 1;
    this.#show(item);
    return true;
  }

  async #back(): Promise<undefined> {
    const id = this.#shown[this.#place - 1];
    if (id === undefined) {
      this.#message = "This is the first one.";
      return;
    }
    const item = await this.#ports.server.item(id);
    await this.#release();
    this.#place -= 1;
    this.#show(item);
  }

  /** Others may have the item that is left. */
  async #release(): Promise<void> {
    const item = this.#item;
    // What can't be given back is free again when the reservation ends.
    if (item !== undefined) await this.#ports.server.review(item.id, "released").catch(() => undefined);
  }

  #show(item: ReviewItem): void {
    this.#item = item;
    this.#before = answersOf(item, this.#ports.reviewer);
    this.#answers = new Map(this.#before);
    this.#at = 0;
    this.#scroll = 0;
    this.#confirm = "";
  }

  /** Scrolls to where the next turn of the thread begins, or the one before. */
  #toTurn(key: "n" | "p"): undefined {
    const at =
      key === "n"
        ? this.#turnsAt.find((line) => line > this.#scroll)
        : this.#turnsAt.findLast((line) => line < this.#scroll);
    if (at === undefined)
      this.#message = key === "n" ? "There is no later turn below." : "There is no turn above.";
    else this.#scroll = Math.min(this.#scrollMax, at);
  }

  #turnOrder(): undefined {
    this.#isNewestFirst = !this.#isNewestFirst;
    this.#scroll = 0;
    this.#message = this.#isNewestFirst ? "The last turn comes first." : "The first turn comes first.";
  }

  #scrollBy(key: string): void {
    const page = Math.max(1, this.#ports.terminal.rows - 10);
    const by = { up: -1, down: 1, pageup: -page, pagedown: page, " ": page }[key] ?? 0;
    this.#scroll = Math.max(0, Math.min(this.#scrollMax, this.#scroll + by));
  }
}

function jsonOrText(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return text.trim();
  }
}
