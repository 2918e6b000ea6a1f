import {
  CounterfoilError,
  FEEDBACK,
  type JsonObject,
  type MirrorWatch,
  RULE_LIMIT_PAUSE_MS,
  RULE_LIMIT_PAUSE_MS_MAX,
  RULE_LOOK_INTERVAL_MS,
  RULE_RETRY_MS,
  RULE_SEQS_PER_LOOK,
  RULE_WAITING_TRACES_MAX,
  RULES,
  TIMER_WAIT_MS_MAX,
  uuidOf,
} from "../../schema/index.js";
import type { Environment } from "../http/signed.js";
import { type BackfillReport, backfillStep, type BackfillStep, debounceMsOf } from "./backfill.js";
import { Guards } from "./guards/guards.js";
import { Outbox, type OutboxPorts } from "./outbox.js";
import { type Preview, previewRule } from "./preview.js";
import { decideQuarantine, type QuarantineDecision, type QuarantineResult } from "./quarantine.js";
import { readRules } from "./rule-book.js";
import { RuleCursors } from "./rule-cursors.js";
import type { Rule } from "./rule-types.js";
import { type TakePorts, takeTraces } from "./take-runs.js";
import { settledTraces, touchedTraces } from "./touched-traces.js";

/** What the engine works with. */
export interface RulesEnginePorts extends Omit<TakePorts, "guards" | "onPending" | "onFeedback"> {
  readonly mirror: MirrorWatch;
  readonly egress: OutboxPorts["egress"];
  readonly prices: OutboxPorts["prices"];
  /** File of the rules' cursors. */
  readonly cursorFile: string;
  readonly onError: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  /** Milliseconds that only go forward, for pauses after a limit. By default those of the process. */
  readonly elapsed?: () => number;
  /** By default the process's environment. */
  readonly env?: Environment;
}

/** Tables whose rows make rules look. */
const NEWS: ReadonlySet<string> = new Set(["spans", FEEDBACK.table]);

/** More rules than this that are behind are counted, not named. */
const HOLDUPS_TOLD_MAX = 5;

/** Where a rule is. */
interface Progress {
  rule: Rule;
  /** Everything up to this seq was read; what of it is not settled yet is in `waiting`. */
  readSeq: number;
  /** Traces to look at, and the seq of the first that came for each. */
  readonly waiting: Map<string, number>;
  /** How often in a row its SQL took too much, and until when it pauses for that, by `elapsed`. */
  limits: number;
  pausedUntil: number;
}

/**
 * Follows the mirror and lets every rule act on complete traces for which spans or feedback came since it last looked. Each
 * rule has a cursor of its own; it only passes what was acted on, and acting twice has the effect of once.
 */
export class RulesEngine {
  readonly #ports: RulesEnginePorts & TakePorts;
  readonly #cursors: RuleCursors;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #outbox: Outbox;
  readonly #progress = new Map<string, Progress>();
  readonly #looked = new Set<() => void>();
  /** Counts the changes of rules that were told, and those that were read: until they are equal, nobody knows the rules. */
  #changesTold = 0;
  #changesRead = 0;
  /** How far the mirror has told to be. It may be further: what it did not tell of yet may have changed the rules. */
  #toldSeq = 0;
  /** Between this seq and `#toldSeq` is nothing that {@link touchedTraces} reads: mostly the rules' own notes. */
  #newsSeq = Infinity;
  #feedbackGiven = 0;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #lastLookAt = 0;
  #running: Promise<void> | undefined;
  #stop: (() => void) | undefined;
  #closed = false;

  constructor(ports: RulesEnginePorts) {
    this.#cursors = new RuleCursors(ports.cursorFile);
    this.#now = ports.now ?? Date.now;
    this.#elapsed = ports.elapsed ?? (() => performance.now());
    const env = ports.env ?? ((name) => process.env[name]);
    this.#outbox = new Outbox({ ...ports, env, now: this.#now });
    this.#ports = {
      ...ports,
      guards: new Guards(),
      onPending: (waiting) => this.#outbox.add(waiting),
      onFeedback: () => (this.#feedbackGiven += 1),
    };
  }

  /** Begins to follow. Without rules it costs nothing. */
  start(): void {
    this.#toldSeq = this.#ports.mirror.sealedSeq();
    this.#newsSeq = this.#toldSeq;
    this.#stop = this.#ports.mirror.onSealed(({ seq, tables }) => {
      this.#toldSeq = Math.max(this.#toldSeq, seq);
      if (tables.includes(RULES.table)) this.#changesTold += 1;
      if (tables.some((table) => NEWS.has(table))) this.#newsSeq = this.#toldSeq;
      if (this.#isStale || this.#progress.size > 0) this.#lookAt(0);
    });
    if (!this.#ports.mirror.tables().has(RULES.table)) return;
    this.#changesTold += 1;
    this.#lookAt(0);
    this.#outbox.resume();
  }

  /**
   * Changes in which rules gave feedback since the start. Another rule may wait for it: when it grew meanwhile, being
   * caught up is not the end yet. As no rule sets itself off, it is after as many times as there are rules.
   */
  get feedbackGiven(): number {
    return this.#feedbackGiven;
  }

  /** Rules that are followed. */
  get ruleCount(): number {
    return this.#progress.size;
  }

  /** Resolves when every rule is through with everything up to a seq. Throws CF_SEAL_FAILED after the deadline. */
  async caughtUp(seq: number, deadlineMs: number): Promise<void> {
    const until = performance.now() + deadlineMs;
    for (;;) {
      if (!this.#isStale && this.#toldSeq >= seq && this.#cursorOf() >= seq) return;
      const left = until - performance.now();
      if (left <= 0 || this.#closed) {
        const text = `the rules did not get to seq ${seq} within ${deadlineMs} ms: ${this.#holdup(seq)}`;
        throw new CounterfoilError("CF_SEAL_FAILED", text, { retryable: true });
      }
      this.#lookAt(0);
      await this.#nextLook(left);
    }
  }

  /** Takes the next part of the history under a rule, see {@link backfillStep}. */
  backfill(rule: Rule, step: BackfillStep): Promise<BackfillReport> {
    return backfillStep({ ...this.#ports, now: this.#now }, rule, step);
  }

  /** What a rule would make of a trace, see {@link previewRule}. */
  preview(data: JsonObject, traceId: string): Promise<readonly Preview[]> {
    return previewRule(this.#ports, data, traceId);
  }

  /** Lets runs out of a rule's quarantine, or keeps them out, see {@link decideQuarantine}. */
  decide(rule: Rule, decision: QuarantineDecision): Promise<QuarantineResult[]> {
    return decideQuarantine(this.#ports, rule, decision);
  }

  /** Ends after the look in progress. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stop?.();
    clearTimeout(this.#timer);
    await this.#running;
    await this.#outbox.close();
    for (const tell of this.#looked) tell();
  }

  /** Seq up to which every rule is through. */
  #cursorOf(): number {
    return Math.min(Infinity, ...[...this.#progress.values()].map(cursorOf));
  }

  /** Why the rules are not through with everything up to a seq. */
  #holdup(seq: number): string {
    const behind = [...this.#progress.values()].filter((each) => cursorOf(each) < seq);
    const told = [
      ...(this.#closed ? ["the server stops"] : []),
      ...(this.#toldSeq < seq ? [`the mirror shows everything up to seq ${this.#toldSeq}`] : []),
      ...behind.slice(0, HOLDUPS_TOLD_MAX).map((each) => {
        const pauseMs = Math.ceil(each.pausedUntil - this.#elapsed());
        const named = `rule ${JSON.stringify(each.rule.name)}`;
        if (pauseMs > 0) {
          return `${named} is paused for ${pauseMs} ms more because its condition took more than it may, with traces waiting: ${each.waiting.size}`;
        }
        if (each.readSeq < seq) return `${named} has read up to seq ${each.readSeq}`;
        return `${named} waits for traces that are not complete yet: ${each.waiting.size}`;
      }),
      ...(behind.length > HOLDUPS_TOLD_MAX
        ? [`${behind.length - HOLDUPS_TOLD_MAX} more rules are behind`]
        : []),
    ];
    return told.length === 0 ? "they were changed and are being read" : told.join("; ");
  }

  #nextLook(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#looked.delete(done);
        resolve();
      };
      const timer = setTimeout(done, withinMs);
      this.#looked.add(done);
    });
  }

  /** Looks in `ms`, or sooner if that was planned. */
  #lookAt(ms: number): void {
    if (this.#closed) return;
    const at = Math.max(performance.now() + ms, this.#lastLookAt + RULE_LOOK_INTERVAL_MS);
    if (at >= this.#timerAt) return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    // A longer wait ends early, and the look then finds that there is more to wait.
    const wait = Math.min(Math.max(0, at - performance.now()), TIMER_WAIT_MS_MAX);
    this.#timer = setTimeout(() => this.#begin(), wait);
    this.#timer.unref();
  }

  #begin(): void {
    this.#timerAt = Infinity;
    // One look at a time: what came meanwhile is for the next.
    if (this.#running !== undefined) return this.#lookAt(RULE_LOOK_INTERVAL_MS);
    this.#running = this.#look().finally(() => {
      this.#running = undefined;
      this.#lastLookAt = performance.now();
      for (const tell of this.#looked) tell();
    });
  }

  async #look(): Promise<void> {
    try {
      if (this.#isStale) await this.#readRules();
      const to = this.#toldSeq;
      const touched = new Map<string, Promise<Map<string, number>>>();
      for (const progress of this.#progress.values()) {
        if (this.#closed) return;
        await this.#advance(progress, to, touched).catch((error: unknown) => {
          this.#ports.onError(error);
          this.#lookAt(RULE_RETRY_MS);
        });
      }
      const cursors = new Map([...this.#progress].map(([id, progress]) => [id, cursorOf(progress)]));
      if (cursors.size > 0) await this.#cursors.write(cursors);
    } catch (error) {
      this.#ports.onError(error);
      this.#lookAt(RULE_RETRY_MS);
    }
  }

  get #isStale(): boolean {
    return this.#changesRead !== this.#changesTold;
  }

  async #readRules(): Promise<void> {
    const change = this.#changesTold;
    const all = await readRules(this.#ports.peek);
    // What other programs brought in: every note of such a rule would be refused, in every look.
    const rules = all.filter(({ id }) => uuidOf(id) !== undefined);
    for (const { id, name } of all) {
      if (uuidOf(id) !== undefined) continue;
      const named = `The rule ${JSON.stringify(name)} is not followed: its id ${JSON.stringify(id)} is no UUID.`;
      this.#ports.onError(new Error(`${named} Delete it, and apply it again.`));
    }
    const stored = await this.#cursors.read();
    const known = new Set(rules.map(({ id }) => id));
    for (const id of this.#progress.keys()) if (!known.has(id)) this.#progress.delete(id);
    for (const rule of rules) {
      const there = this.#progress.get(rule.id);
      if (there !== undefined) {
        if (there.rule.version !== rule.version) there.pausedUntil = 0;
        there.rule = rule;
      } else {
        const readSeq = Math.max(stored.get(rule.id) ?? 0, rule.sinceSeq);
        this.#progress.set(rule.id, { rule, readSeq, waiting: new Map(), limits: 0, pausedUntil: 0 });
      }
    }
    this.#changesRead = change;
  }

  async #advance(
    progress: Progress,
    to: number,
    touched: Map<string, Promise<Map<string, number>>>,
  ): Promise<void> {
    const { rule, waiting } = progress;
    if (!rule.enabled) {
      waiting.clear();
      progress.readSeq = Math.max(progress.readSeq, to);
      return;
    }
    await this.#readOn(progress, to, touched);
    if (waiting.size === 0) return;
    const pauseMs = progress.pausedUntil - this.#elapsed();
    if (pauseMs > 0) return this.#lookAt(pauseMs);
    const now = this.#now();
    const debounce = { now, debounceMs: debounceMsOf(rule) };
    const settled = await settledTraces(this.#ports.peek, [...waiting.keys()], debounce);
    // Feedback on a trace that has not come: its first span will touch it.
    for (const trace of settled.absent) waiting.delete(trace);
    const tookTooMuch = await takeTraces(this.#ports, rule, settled.ready);
    // A condition that never ends costs its limit each time; the rules behind it wait as long.
    progress.limits = tookTooMuch ? progress.limits + 1 : 0;
    if (tookTooMuch) {
      const pause = Math.min(
        RULE_LIMIT_PAUSE_MS_MAX,
        RULE_LIMIT_PAUSE_MS * 2 ** Math.min(progress.limits - 1, 20),
      );
      progress.pausedUntil = this.#elapsed() + pause;
    }
    for (const trace of settled.ready) waiting.delete(trace);
    if (settled.nextAt !== undefined) this.#lookAt(settled.nextAt - now);
  }

  async #readOn(
    progress: Progress,
    to: number,
    touched: Map<string, Promise<Map<string, number>>>,
  ): Promise<void> {
    const { waiting } = progress;
    if (progress.readSeq >= to || waiting.size > RULE_WAITING_TRACES_MAX) return;
    if (progress.readSeq >= this.#newsSeq) {
      progress.readSeq = to;
      return;
    }
    const after = progress.readSeq;
    const until = Math.min(to, after + RULE_SEQS_PER_LOOK);
    // Rules are mostly at the same place: they share what was read.
    const key = `${after} ${until}`;
    const reading = touched.get(key) ?? touchedTraces(this.#ports.peek, { after, to: until });
    touched.set(key, reading);
    for (const [trace, seq] of await reading) {
      waiting.set(trace, Math.min(waiting.get(trace) ?? Infinity, seq));
    }
    progress.readSeq = until;
    if (until < to) this.#lookAt(0);
  }
}

function cursorOf({ readSeq, waiting }: Progress): number {
  let seq = readSeq;
  for (const first of waiting.values()) seq = Math.min(seq, first - 1);
  return seq;
}
