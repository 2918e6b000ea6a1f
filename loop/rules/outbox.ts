import {
  CounterfoilError,
  type JsonObject,
  type PriceTable,
  WEBHOOK_GIVE_UP_MS,
  WEBHOOK_RETRY_AFTER_MS_MAX,
  WEBHOOK_RETRY_MS,
  WEBHOOK_RETRY_MS_MAX,
  WEBHOOKS_IN_FLIGHT_MAX,
  WEBHOOKS_WAITING_MAX,
} from "../../schema/index.js";
import type { DatasetService } from "../datasets/dataset-service.js";
import type { EgressLedger } from "../egress/egress-ledger.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { RecordDraft } from "../../store/index.js";
import type { FeedbackConfigCache } from "../feedback/feedback-configs.js";
import { textIn } from "../records/text-in.js";
import { actionName, actionsIn, summaryOf } from "./act.js";
import { actionsOf } from "./known.js";
import { loadRuns } from "./matched-runs.js";
import { readRules } from "./rule-book.js";
import { isOverThreads, withThreads } from "./threads.js";
import type { ActionOutcome } from "./rule-types.js";
import type { Environment } from "../http/signed.js";
import { deliver } from "./deliver.js";

/** What {@link Outbox} works with. */
export interface OutboxPorts {
  /** Sees everything that was written before. */
  readonly rows: Rows;
  readonly datasets: DatasetService;
  readonly configs: Pick<FeedbackConfigCache, "byKeySoon">;
  /** Those in effect. */
  readonly prices: () => PriceTable;
  readonly egress: Pick<EgressLedger, "around">;
  readonly env: Environment;
  readonly onError: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A `rule_run` of which something outside is still to be reached. */
interface Waiting {
  readonly id: string;
  readonly ruleId: string;
}

/** What one try came to. `again` is the pause that the peer asked for, ms. */
export type Answer =
  | {
      readonly outcome: "success";
      /** What is written with the note, in the same change; it may be asked for again. Throws CF_RECORD_INVALID. */
      readonly makes?: (time: string) => Promise<readonly RecordDraft[]>;
      readonly madeId?: string;
    }
  | { readonly outcome: "error" | "skipped"; readonly reason: string }
  | { readonly outcome: "pending"; readonly reason: string; readonly again?: number };

/**
 * Does what rules do outside: webhooks, alerts and evaluators, each at least once. That one is to be reached is in the journal
 * before the first try (the action in its `rule_run` says `pending`), and what came of it after the last, so a crash makes one
 * more try and loses none. A rule that failed waits longer and longer, and holds up no other.
 */
export class Outbox {
  readonly #ports: OutboxPorts;
  readonly #waiting = new Map<string, Waiting>();
  readonly #flying = new Map<string, Promise<void>>();
  readonly #pauses = new Map<string, { failures: number; until: number }>();
  readonly #stop = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  /** There may be more than are in `#waiting`. */
  #more = false;
  #reading: Promise<void> | undefined;

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
  }

  /** Takes up what was not delivered before. */
  resume(): void {
    this.#more = true;
    this.#goOn();
  }

  /** New ones, once their notes are durable. */
  add(waiting: readonly Waiting[]): void {
    for (const each of waiting) this.#remember(each);
    this.#goOn();
  }

  /** Ends what is under way; it is tried again after the next start. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    await Promise.all([this.#reading, ...this.#flying.values()]);
  }

  #remember(each: Waiting): void {
    if (this.#waiting.size < WEBHOOKS_WAITING_MAX) this.#waiting.set(each.id, each);
    else this.#more = true;
  }

  #goOn(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#more && this.#waiting.size === 0) this.#reading ??= this.#read();
    const now = performance.now();
    let next = Infinity;
    for (const each of this.#waiting.values()) {
      if (this.#flying.size >= WEBHOOKS_IN_FLIGHT_MAX) return;
      if (this.#flying.has(each.id)) continue;
      const pause = this.#pauses.get(each.ruleId);
      // After a failure one of its rule shows whether the rest may go.
      const isProbing = pause !== undefined && this.#isFlying(each.ruleId);
      if (isProbing) continue;
      if (pause !== undefined && pause.until > now) next = Math.min(next, pause.until);
      else this.#fly(each);
    }
    if (next === Infinity) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#goOn(), next - now);
    this.#timer.unref();
  }

  #isFlying(ruleId: string): boolean {
    return [...this.#flying.keys()].some((id) => this.#waiting.get(id)?.ruleId === ruleId);
  }

  #fly(each: Waiting): void {
    const flight = this.#deliver(each)
      .catch((error: unknown) => {
        this.#failed(each);
        if (!this.#stop.signal.aborted) this.#ports.onError(error);
      })
      .finally(() => {
        this.#flying.delete(each.id);
        this.#goOn();
      });
    this.#flying.set(each.id, flight);
  }

  async #read(): Promise<void> {
    try {
      const found = await this.#ports.rows(
        `SELECT id, rule_id FROM rule_runs WHERE contains(actions, '"pending"') ORDER BY seq, seq_index LIMIT ${WEBHOOKS_WAITING_MAX}`,
        [],
      );
      this.#more = found.length === WEBHOOKS_WAITING_MAX;
      for (const row of found) this.#remember({ id: textIn(row, "id"), ruleId: textIn(row, "rule_id") });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.#ports.onError(error);
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#goOn(), WEBHOOK_RETRY_MS_MAX).unref();
    } finally {
      this.#reading = undefined;
    }
    if (this.#waiting.size > 0) this.#goOn();
  }

  /** Tries everything of a run that is still to be done. */
  async #deliver(each: Waiting): Promise<void> {
    const note = await this.#noteOf(each.id);
    const open = actionsIn(note).filter(({ outcome }) => outcome === "pending");
    for (const pending of note === undefined ? [] : open) {
      const answer = await this.#try(each, note ?? {}, pending);
      if (this.#stop.signal.aborted) return;
      if (answer.outcome === "pending" && this.#isTooOld(pending)) {
        await this.#write(each.id, pending, { outcome: "error", reason: `given up: ${answer.reason}` });
        continue;
      }
      await this.#write(each.id, pending, answer);
      if (answer.outcome === "pending") return this.#failed(each, answer.again);
    }
    this.#pauses.delete(each.ruleId);
    this.#waiting.delete(each.id);
  }

  /** Behind the others of its rule, which waits. */
  #failed(each: Waiting, again = 0): void {
    const failures = (this.#pauses.get(each.ruleId)?.failures ?? 0) + 1;
    const pause = Math.min(WEBHOOK_RETRY_MS_MAX, WEBHOOK_RETRY_MS * 2 ** Math.min(failures - 1, 20));
    // Spread, so that several servers do not come at the same moment.
    const wait = Math.max(pause * (0.5 + Math.random() / 2), Math.min(again, WEBHOOK_RETRY_AFTER_MS_MAX));
    this.#pauses.set(each.ruleId, { failures, until: performance.now() + wait });
    this.#waiting.delete(each.id);
    this.#waiting.set(each.id, each);
  }

  #isTooOld({ requested_at: since }: ActionOutcome): boolean {
    return since !== undefined && this.#ports.now() - Date.parse(since) > WEBHOOK_GIVE_UP_MS;
  }

  async #try(each: Waiting, note: JsonObject, pending: ActionOutcome): Promise<Answer> {
    const rule = (await readRules(this.#ports.rows)).find(({ id }) => id === each.ruleId);
    const action =
      rule === undefined ? undefined : actionsOf(rule).find((one) => actionName(one) === pending.action);
    if (rule === undefined || action === undefined)
      return { outcome: "error", reason: "the rule does not have this action any more" };
    const key = {
      traceId: textIn(note, "trace_id"),
      spanId: textIn(note, "span_id"),
      runId: textIn(note, "run_id"),
    };
    const found = await loadRuns(this.#ports.rows, [key]);
    const [run] = isOverThreads(rule) ? await withThreads(this.#ports.rows, found) : found;
    if (run === undefined) return { outcome: "error", reason: "the run is not there any more" };
    const requestedAt = pending.requested_at ?? new Date(this.#ports.now()).toISOString();
    const delivery = { ruleRunId: each.id, note, rule, action, run, requestedAt };
    try {
      return await deliver({ ...this.#ports, signal: this.#stop.signal }, delivery);
    } catch (error) {
      if (!(error instanceof CounterfoilError)) throw error;
      return error.code === "CF_RECORD_INVALID"
        ? { outcome: "error", reason: error.message }
        : { outcome: "pending", reason: error.message };
    }
  }

  async #noteOf(id: string): Promise<JsonObject | undefined> {
    const [row] = await this.#ports.rows("SELECT data FROM rule_runs WHERE id = $1", [id]);
    return row === undefined ? undefined : (JSON.parse(textIn(row, "data")) as JsonObject);
  }

  /** Notes what came of it, unless the note says so already. */
  async #write(id: string, pending: ActionOutcome, answer: Answer): Promise<void> {
    const { outcome } = answer;
    const reason = "reason" in answer ? answer.reason : undefined;
    if (outcome === pending.outcome && reason === pending.reason) return;
    const { makes, madeId } = answer.outcome === "success" ? answer : {};
    await this.#ports.datasets.change(async (time) => {
      const note = await this.#noteOf(id);
      const open = actionsIn(note).some(
        (each) => each.action === pending.action && each.outcome === "pending",
      );
      if (note === undefined || !open) return [];
      const done = actionsIn(note).map((each): ActionOutcome => {
        if (each.action !== pending.action || each.outcome !== "pending") return each;
        const { reason: _before, ...rest } = each;
        return {
          ...rest,
          outcome,
          ...(reason === undefined ? {} : { reason }),
          ...(madeId === undefined ? {} : { made_id: madeId }),
        };
      });
      const data = { ...note, ...summaryOf(done) };
      const made = (await makes?.(time)) ?? [];
      return [...made, { type: "rule_run", id, op: "put", data, time, source: "rule" }];
    });
  }
}
