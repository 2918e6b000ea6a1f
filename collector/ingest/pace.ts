import type { Journal, JournalEntry } from "../../journal/index.js";
import { PACE_ITEM_BYTES, PACE_SLACK_BYTES, PACE_WAIT_MS } from "../../schema/index.js";
import { inflatedBytes } from "../../store/index.js";

/** Limits of a {@link Pace}. */
export interface PaceOptions {
  /** What may be stored and not sealed before anyone waits, bytes of telemetry and PACE_ITEM_BYTES for each item. */
  readonly aheadBytes: number;
  readonly slackBytes?: number;
  readonly waitMs?: number;
}

interface Waiting {
  readonly cost: number;
  readonly since: number;
  readonly go: () => void;
}

/** Costs of neighbours are kept together up to one of so many parts of what may be ahead: enough for giving them back. */
const MARKS_AHEAD = 512;

/**
 * Keeps the journal from running away from the mirror. Acknowledging takes a third of the work that sealing takes, so a
 * server that gets more than it can seal would spend its processors on what nobody can query yet, and seal less for it.
 * Once `aheadBytes` are stored and not sealed, a request waits until as much was sealed as it brings.
 *
 * It slows senders down and refuses nothing: after PACE_WAIT_MS a request goes on all the same, and when nothing was
 * sealed in all that time (the mirror fails) nobody waits until something is. What fits in memory is bounded by
 * `Admission`, what fits on the disk by the journal. Records (feedback, datasets, ...) are few and never wait.
 */
export class Pace {
  readonly #aheadBytes: number;
  readonly #slackBytes: number;
  readonly #waitMs: number;
  readonly #waiting: Waiting[] = [];
  /** What was stored and not sealed, oldest first: its cost, and the seq with which all of it is sealed. */
  readonly #marks: { seq: number; cost: number }[] = [];
  /** Cost of what is being stored, or is stored and not sealed. */
  #ahead = 0;
  /** How far ahead may go now. More than `aheadBytes` after a time in which nobody waited. */
  #allowed: number;
  #sealedAt = 0;
  #sealedSeq = 0;
  #stalled = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PaceOptions) {
    this.#aheadBytes = options.aheadBytes;
    this.#slackBytes = options.slackBytes ?? PACE_SLACK_BYTES;
    this.#waitMs = options.waitMs ?? PACE_WAIT_MS;
    this.#allowed = this.#aheadBytes;
  }

  /** Requests that wait now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The journal as receivers see it: `append` waits for its turn first. */
  guard(journal: Pick<Journal, "append">): Pick<Journal, "append"> {
    return {
      append: async (entry) => {
        if (entry.signal === "records") return journal.append(entry);
        const cost = costOf(entry);
        if (!this.#fits(cost)) await this.#turn(cost);
        else this.#take(cost);
        let seq = 0;
        try {
          seq = await journal.append(entry);
        } finally {
          // What was not stored, or was sealed before its sender heard of it, is never given back by a later seal.
          if (seq <= this.#sealedSeq) this.#giveBack(cost);
        }
        if (seq > this.#sealedSeq) this.#mark(seq, cost);
        return seq;
      },
    };
  }

  /** Everything up to `seq` is sealed. */
  sealed(seq: number): void {
    this.#sealedAt = performance.now();
    this.#sealedSeq = Math.max(this.#sealedSeq, seq);
    this.#stalled = this.#closed;
    let count = 0;
    for (let mark = this.#marks[0]; mark !== undefined && mark.seq <= seq; mark = this.#marks[count]) {
      this.#ahead -= mark.cost;
      count++;
    }
    this.#marks.splice(0, count);
    // As much as was sealed may follow; what is not used of it does not add up.
    this.#allowed = Math.max(this.#aheadBytes, Math.min(this.#allowed, this.#ahead + this.#slackBytes));
    this.#letGo();
  }

  /** Nobody waits any more, nor will: what is sealed while the server stops changes nothing in that. */
  close(): void {
    this.#closed = true;
    this.#stalled = true;
    while (this.#waiting.length > 0) this.#release();
    this.#arm();
  }

  #fits(cost: number, first = this.#waiting.length === 0): boolean {
    if (this.#stalled) return true;
    return first && (this.#ahead === 0 || this.#ahead + cost <= this.#allowed);
  }

  #take(cost: number): void {
    this.#ahead += cost;
    this.#allowed = Math.max(this.#allowed, this.#ahead);
  }

  #giveBack(cost: number): void {
    this.#ahead -= cost;
    this.#letGo();
  }

  /** Lets go who fits by now, in order. */
  #letGo(): void {
    if (this.#waiting.length === 0) return;
    for (
      let next = this.#waiting[0];
      next !== undefined && this.#fits(next.cost, true);
      next = this.#waiting[0]
    ) {
      this.#release();
    }
    this.#arm();
  }

  #turn(cost: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ cost, since: performance.now(), go: resolve });
      this.#arm();
    });
  }

  #release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#take(next.cost);
    next.go();
  }

  /** Lets go who waited for long enough, and everyone when nothing was sealed meanwhile. */
  #expire(): void {
    const before = performance.now() - this.#waitMs;
    this.#stalled = this.#sealedAt < before;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#stalled && next.since > before) break;
      this.#release();
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const oldest = this.#waiting[0];
    if (oldest === undefined) return;
    const left = oldest.since + this.#waitMs - performance.now();
    // A timer may ring a moment early by another clock.
    this.#timer = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(left) + 1)).unref();
  }

  #mark(seq: number, cost: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || last.cost >= this.#aheadBytes / MARKS_AHEAD) this.#marks.push({ seq, cost });
    else {
      last.seq = Math.max(last.seq, seq);
      last.cost += cost;
    }
  }
}

/** Work of sealing an entry, as bytes of telemetry. */
function costOf({ encoding, payload, itemCount }: JournalEntry): number {
  return inflatedBytes(encoding, payload) + itemCount * PACE_ITEM_BYTES;
}
