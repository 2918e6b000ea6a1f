import type { Readable } from "node:stream";
import type { JournalSignal } from "./signals.js";

/**
 * The port between the HTTP listener and the APIs served on it: `collector/` and `api/` know only this, and `cli/`
 * brings the two together. The listener does what is the same for every request (who may ask, how large a body may
 * be, how much may be in flight, decompression); an API sees whole, plain requests and gives whole replies.
 */

/** A request with this header brings what an import read elsewhere. */
export const IMPORT_HEADER = "x-counterfoil-import";

/** A request that was let in. */
export interface ApiRequest {
  /** Upper case. */
  readonly method: string;
  /** Path without the query, percent-encoded as it came. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Undefined when absent; several of one name are joined with ", ". `name` is lower case. */
  header(name: string): string | undefined;
  /** Whole and decompressed; empty when there is none. Its memory is used again after the reply: copy what is kept. */
  readonly body: Uint8Array;
}

/** One answer. */
export interface ApiReply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly contentType: string;
  /**
   * A stream is sent as it is read, and destroyed when the client goes away; `content-length` is in the headers then. It may not
   * read from the request's body.
   */
  readonly body: string | Uint8Array | Readable;
}

/**
 * Answers one request. What it throws is answered by the listener: a CounterfoilError with its code and message, any
 * other error as 500 without a word of it.
 */
export type ApiHandler = (request: ApiRequest) => Promise<ApiReply>;

/** An API on the HTTP port. */
export interface Api {
  /** What answers this path and method; undefined when the path is not its own. Called before the body is read. */
  find(method: string, path: string): ApiHandler | undefined;
  /**
   * Whether this needs no API key, from anywhere: the path itself holds a secret that permits it (a feedback token, a
   * shared run). Pages of other sites may ask it as well, and read the answer. Absent: nothing is public.
   */
  isPublic?(method: string, path: string): boolean;
  /**
   * Is told before a destination is sent something again. When it resolves that is on disk; it resolves with what is to be
   * called when the replay ended: with the items that left, or the reason why it failed.
   */
  beforeReplay?(replay: ReplayNotice): Promise<(end: number | string) => Promise<void>>;
  /** Frees what it holds. Called once, after the last reply and before the journal closes. */
  close(): Promise<void>;
}

/** Something to be made durable by an API. */
export interface ApiEntry {
  readonly signal: JournalSignal;
  /** Valid and not compressed: as the journal keeps this signal. Must not change until the append settles. */
  readonly payload: Uint8Array;
  /** Spans, log records, data points or records in it, at least 1. */
  readonly itemCount: number;
  /** Label of the receivers' counters, e.g. `langsmith`. */
  readonly receiver: string;
  /** When it was received, ns since 1970, for what was received before, elsewhere (an import); otherwise now. */
  readonly receivedUnixNano?: bigint;
}

/** A step of the mirror: it shows everything up to `seq`. */
export interface SealedStep {
  readonly seq: number;
  readonly tables: readonly string[];
}

/** The mirror as it grows. */
export interface MirrorWatch {
  /** Seq up to which everything is in the mirror. */
  sealedSeq(): number;
  /** Tables that have files. */
  tables(): ReadonlySet<string>;
  /**
   * A time that about `rows` of the newest spans began after, nanoseconds since 1970; undefined when the mirror has fewer.
   * A guess by the bounds of its files.
   */
  newestSpans(rows: number): bigint | undefined;
  /** Is told after each step of the mirror how far it is and which tables got files; returns the function that stops it. */
  onSealed(listener: (step: SealedStep) => void): () => void;
}

/** What a destination has confirmed, as its durable cursor has it: cumulative. */
export interface DestinationTotals {
  readonly name: string;
  /** Where to: scheme, host and port, or a folder; undefined when it is not configured any more. */
  readonly address: string | undefined;
  /** Everything up to it is settled. */
  readonly seq: number;
  /** Items by signal. */
  readonly delivered: Readonly<Record<JournalSignal, number>>;
  /** By rule. */
  readonly filtered: Readonly<Record<string, Readonly<Record<JournalSignal, number>>>>;
  /** By reason. */
  readonly deadLetter: Readonly<Record<string, Readonly<Record<JournalSignal, number>>>>;
}

/** A destination is about to be sent something again. */
export interface ReplayNotice {
  readonly name: string;
  readonly address: string | undefined;
  /** Journal positions; both absent for a replay of dead letters. */
  readonly firstSeq?: number;
  readonly lastSeq?: number;
}

/** What a running collector gives to an API. */
export interface ApiHost {
  /** Root of the data directory, for readers of the mirror. */
  readonly dataDir: string;
  /** Largest body after decompression, bytes. */
  readonly bodyBytesMax: number;
  /** Resolves with the seq once the entry is on disk (I1), in order of calls. Throws as the journal's `append`. */
  append(entry: ApiEntry): Promise<number>;
  /**
   * Resolves when the mirror shows everything up to `seq`: at once if it does already, else it is asked to hurry.
   * Throws CF_SEAL_FAILED when that takes longer than the deadline.
   */
  sealed(seq: number, deadlineMs: number): Promise<void>;
  /** Seq of the last durable record; 0 when there is none. */
  durableSeq(): number;
  /** How far the mirror is, for whoever follows it. */
  readonly mirror: MirrorWatch;
  /** Every destination beside the mirror that has a durable cursor, those that are not configured any more too. */
  destinations(): Promise<readonly DestinationTotals[]>;
  /** Something went wrong that the client is not told in full. */
  onError(error: unknown): void;
}

/** Builds an API on a collector that is about to listen. */
export type CreateApi = (host: ApiHost) => Api;
