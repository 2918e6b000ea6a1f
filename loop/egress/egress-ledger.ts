import { randomUUID } from "node:crypto";
import { dirname } from "node:path";
import { CursorFile, nodeFileSystem } from "../../journal/index.js";
import {
  CounterfoilError,
  type DestinationTotals,
  EGRESS,
  EGRESS_NOTE_INTERVAL_MS,
  errorMessage,
  type JsonObject,
  nameUuid,
  type ReplayNotice,
} from "../../schema/index.js";
import type { RecordDraft, RecordWriter } from "../../store/index.js";
import type { JsonAnswer } from "../http/send-json.js";
import { InTurn } from "../records/in-turn.js";
import { lineStart, type Position, settledSince } from "./settled-since.js";

const SOURCE = "egress";
/** Namespace of computed ids: a line of a destination that was written twice is one (I6). */
const LINES = "5b0c3c52-7a0e-5f0b-9f3c-0a7de2f1c4a1";

/** What the ledger works with. */
export interface EgressPorts {
  readonly writer: RecordWriter;
  readonly destinations: () => Promise<readonly DestinationTotals[]>;
  /** File of {@link Stored}. */
  readonly positionFile: string;
  readonly onError: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** What a rule is about to send. */
export interface Sending {
  readonly kind: "webhook" | "alert" | "evaluator";
  readonly name: string;
  /** Address; only scheme, host and port of it are kept. */
  readonly url: string;
  /** Bytes of the body. */
  readonly bytes: number;
  /** Whether inputs, outputs or corrections are in it, and whether they were redacted. */
  readonly content: boolean;
  readonly redacted: boolean;
  /** Ids of rule, rule run, evaluator and run. */
  readonly ids: JsonObject;
}

/** What was noted of each destination, on disk. */
interface Stored {
  /** Names this ledger: lines that were imported from another one are no lines of its own. */
  readonly id: string;
  readonly destinations: Readonly<Record<string, Position>>;
}

/**
 * Writes the table `egress` (I7). What rules send has its line on disk before the first byte leaves: a ledger that can't be
 * written stops it. Destinations keep durable totals with their cursors, so their lines are the difference of totals
 * since the last one: a crash loses none.
 */
export class EgressLedger {
  readonly #ports: EgressPorts;
  readonly #file: CursorFile<Stored>;
  readonly #turns = new InTurn();
  readonly #now: () => number;
  #stored: Stored | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(ports: EgressPorts) {
    this.#ports = ports;
    this.#file = new CursorFile<Stored>(ports.positionFile);
    this.#now = ports.now ?? Date.now;
  }

  /** Notes now and then what destinations confirmed. */
  start(): void {
    this.#timer = setInterval(() => {
      this.note().catch((error: unknown) => this.#ports.onError(error));
    }, EGRESS_NOTE_INTERVAL_MS).unref();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Sends something, with its line before and after. Throws as the journal's `append`; then nothing was sent. */
  async around(sending: Sending, send: () => Promise<JsonAnswer>): Promise<JsonAnswer> {
    const { kind, name, url, bytes, content, redacted, ids } = sending;
    const id = randomUUID();
    const line = {
      kind,
      name,
      address: originOf(url),
      sent_at: this.#time(),
      ...ids,
      bytes,
      content,
      redacted,
    };
    await this.#append([draft(id, { ...line, outcome: "sending" })]);
    const answer = await send();
    const reason = answer.outcome === "success" ? {} : { reason: answer.reason };
    await this.#append([draft(id, { ...line, outcome: answer.outcome, ...reason })]);
    return answer;
  }

  /** As {@link Api.beforeReplay} says. */
  async beforeReplay(notice: ReplayNotice): Promise<(end: number | string) => Promise<void>> {
    const { name, address, firstSeq, lastSeq } = notice;
    const id = randomUUID();
    const line: JsonObject = {
      kind: "replay",
      name,
      address: address ?? null,
      sent_at: this.#time(),
      first_seq: firstSeq ?? null,
      last_seq: lastSeq ?? null,
    };
    await this.#append([draft(id, { ...line, outcome: "sending" })]);
    return async (end) => {
      const ended =
        typeof end === "number" ? { outcome: "success", items: end } : { outcome: "error", reason: end };
      await this.#append([draft(id, { ...line, ...ended })]);
    };
  }

  /** Writes the lines of what destinations confirmed since the last time. */
  note(): Promise<void> {
    return this.#turns.run(() => this.#note());
  }

  async #note(): Promise<void> {
    const all = await this.#ports.destinations();
    if (all.length === 0) return;
    const stored = await this.#storedFor(all);
    const time = this.#time();
    const drafts: RecordDraft[] = [];
    const destinations: Record<string, Position> = { ...stored.destinations };
    for (const totals of all) {
      const before = stored.destinations[totals.name];
      const line = settledSince(before, totals);
      if (line === undefined) continue;
      const id = nameUuid(
        LINES,
        JSON.stringify([stored.id, totals.name, line.first_seq, before?.time ?? ""]),
      );
      const since = before === undefined ? {} : { since: before.time };
      drafts.push(draft(id, { ...line, sent_at: time, ...since }));
      const { seq, delivered, filtered, deadLetter } = totals;
      destinations[totals.name] = { seq, delivered, filtered, deadLetter, time };
    }
    if (drafts.length === 0) return;
    await this.#append(drafts);
    this.#stored = { id: stored.id, destinations };
    await this.#file.save(this.#stored);
  }

  /** What was noted, on disk, with those that began anew at their beginning: also when they delivered nothing yet. */
  async #storedFor(all: readonly DestinationTotals[]): Promise<Stored> {
    const stored = this.#stored ?? (await this.#load());
    const begun = all.flatMap((totals) => {
      const before = stored.destinations[totals.name];
      const start = lineStart(before, totals);
      return start === undefined || start === before ? [] : [[totals.name, start] as const];
    });
    if (begun.length === 0) return stored;
    const changed = { id: stored.id, destinations: { ...stored.destinations, ...Object.fromEntries(begun) } };
    await this.#file.save(changed);
    this.#stored = changed;
    return changed;
  }

  /** A ledger whose file can't be read notes everything again, under a new name: too much rather than too little. */
  async #load(): Promise<Stored> {
    await nodeFileSystem.mkdir(dirname(this.#ports.positionFile));
    const found = await this.#file.load().catch((error: unknown) => {
      if (error instanceof CounterfoilError && error.retryable) throw error;
      this.#ports.onError(
        new Error(`the egress ledger's position can't be read, it starts anew: ${errorMessage(error)}`),
      );
      return undefined;
    });
    if (found !== undefined) return found;
    const fresh = { id: randomUUID(), destinations: {} };
    // Before the first line: its id holds this one.
    await this.#file.save(fresh);
    return fresh;
  }

  async #append(drafts: readonly RecordDraft[]): Promise<void> {
    await this.#ports.writer.append(drafts);
  }

  #time(): string {
    return new Date(this.#now()).toISOString();
  }
}

function draft(id: string, data: JsonObject): RecordDraft {
  return { type: EGRESS.type, id, op: "put", data, source: SOURCE };
}

/** A path may be a secret. */
function originOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).origin : null;
}
