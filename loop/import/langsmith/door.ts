import type { ChangeRecord, JsonObject, NativeRun } from "../../../schema/index.js";
import type { Rows } from "../../feedback/feedback-query.js";
import type { SourceRun } from "./run-shape.js";

/** Something that the server would not take, and why. */
export interface Refused {
  readonly id: string;
  readonly reason: string;
}

/** Where an import writes to, and sees what is there: a running server. */
export interface ImportDoor {
  /**
   * Makes runs durable, whole, as if LangSmith's clients had sent them; gives those that were refused. Throws
   * CF_IMPORT_FAILED when the server does not answer.
   */
  runs(runs: readonly NativeRun[]): Promise<readonly Refused[]>;
  /**
   * Makes changes of records durable, in order: together where they fit into one request. Gives those that were refused.
   * Throws CF_IMPORT_FAILED when the server does not answer.
   */
  records(changes: readonly ChangeRecord[]): Promise<readonly Refused[]>;
  /** Writes a project or experiment down, or changes the one of its name. */
  project(id: string, data: JsonObject): Promise<readonly Refused[]>;
  /** Of these runs those that are here. */
  runsHere(runs: readonly SourceRun[]): Promise<readonly SourceRun[]>;
  /** Rows of a SELECT over the mirror that sees everything written through this door. */
  readonly rows: Rows;
  /** Ends what it started. */
  close(): Promise<void>;
}
