import type { JournalSignal } from "../../schema/index.js";
import type { Arrival, IngestObserver } from "../ingest/ingest.js";

/** What happened to items at the door. */
export type ReceiverOutcome = "accepted" | "refused" | "failed";

/** One line of the receivers' account. */
export interface ReceiverCount {
  readonly outcome: ReceiverOutcome;
  readonly signal: JournalSignal;
  readonly receiver: string;
  readonly transport: string;
  /** Error code; "" for accepted. */
  readonly code: string;
  readonly requests: number;
  readonly items: number;
}

/** How long a failed append makes the collector "not ready", milliseconds. */
const FAILURE_MS = 10_000;

/** Counts at the door, as plain numbers: this is on the hot path. */
export class ReceiverCounters implements IngestObserver {
  readonly #counts = new Map<string, { -readonly [K in keyof ReceiverCount]: ReceiverCount[K] }>();
  /** Called with each time from append to durable, in seconds. */
  onAppend: (seconds: number) => void = () => undefined;
  connectionsRefused = 0;

  #failure: { code: string; at: number } | undefined;

  /**
   * Code of the last append's failure, unless one went well since or it is a while ago: a collector that is taken out of
   * rotation gets no requests that could show that it works again.
   */
  journalFailure(): string | undefined {
    return this.#failure !== undefined && Date.now() - this.#failure.at < FAILURE_MS
      ? this.#failure.code
      : undefined;
  }

  accepted(arrival: Arrival, items: number): void {
    this.#failure = undefined;
    this.#add("accepted", arrival, items, "");
  }

  refused(arrival: Arrival, items: number, code: string): void {
    if (code === "CF_JOURNAL_FULL") this.#failure = { code, at: Date.now() };
    this.#add("refused", arrival, items, code);
  }

  failed(arrival: Arrival, items: number, code: string): void {
    this.#failure = { code, at: Date.now() };
    this.#add("failed", arrival, items, code);
  }

  appendSeconds(seconds: number): void {
    this.onAppend(seconds);
  }

  /** All lines, in order of first appearance. */
  list(): readonly ReceiverCount[] {
    return [...this.#counts.values()];
  }

  #add(outcome: ReceiverOutcome, arrival: Arrival, items: number, code: string): void {
    const { signal, receiver, transport } = arrival;
    const key = `${outcome} ${signal} ${receiver} ${transport} ${code}`;
    const line = this.#counts.get(key) ?? {
      outcome,
      signal,
      receiver,
      transport,
      code,
      requests: 0,
      items: 0,
    };
    line.requests += 1;
    line.items += items;
    this.#counts.set(key, line);
  }
}
