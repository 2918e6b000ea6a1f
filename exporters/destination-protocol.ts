import type { JournalTail } from "../journal/index.js";
import type {
  DeadLetterReplayReport,
  DestinationLogEntry,
  DestinationOptions,
  ReplayRange,
  ReplayReport,
} from "./destination-types.js";
import type { DestinationStats } from "./types.js";

/** What the worker thread starts with. Secrets travel here and nowhere else. */
export interface DestinationWorkerData {
  readonly options: Omit<DestinationOptions, "onLog">;
  readonly tail: JournalTail;
}

/** Calls that get an answer. */
export type DestinationCall =
  | { readonly method: "flush"; readonly deadlineMs: number }
  | { readonly method: "shutdown"; readonly deadlineMs: number }
  | { readonly method: "replay"; readonly range: ReplayRange }
  | { readonly method: "replayDeadLetters" };

/** To the worker. */
export type ToWorker =
  | { readonly type: "tail"; readonly tail: JournalTail }
  | { readonly type: "retryNow" }
  | { readonly type: "call"; readonly id: number; readonly call: DestinationCall };

/** What a call may return. */
export type CallResult = undefined | ReplayReport | DeadLetterReplayReport;

/** An error that crossed the thread boundary. */
export interface CallError {
  readonly code: string;
  readonly message: string;
  readonly retryable: boolean;
}

/** From the worker. */
export type FromWorker =
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly error: CallError }
  | { readonly type: "stats"; readonly stats: DestinationStats }
  | { readonly type: "cursor"; readonly seq: number }
  | { readonly type: "log"; readonly entry: DestinationLogEntry }
  | { readonly type: "reply"; readonly id: number; readonly result?: CallResult; readonly error?: CallError };
