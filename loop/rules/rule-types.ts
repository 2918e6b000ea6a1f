import type { JsonObject, JsonValue, RULE_ACTIONS, RULE_OUTCOMES, RunJson } from "../../schema/index.js";

/** A rule as it is written down: see the record type `rule`. */
export interface Rule {
  readonly id: string;
  readonly name: string;
  readonly enabled: boolean;
  readonly version: number;
  readonly data: JsonObject;
  /** Seq of the first record of it: what came before is history, which only a backfill takes. */
  readonly sinceSeq: number;
}

/** One of a rule's actions, as it is written down. */
export type RuleAction = JsonObject & { readonly type: (typeof RULE_ACTIONS)[number] };

/** Feedback on a run, as actions read it. */
export interface RunFeedback {
  readonly id: string;
  readonly key: string;
  readonly score: number | null;
  readonly value: JsonValue;
  /** Undefined when there is none. */
  readonly correction: JsonValue | undefined;
  readonly sourceType: string | null;
  readonly userId: string | null;
  /** `role` of the source's metadata. */
  readonly role: string | null;
}

/** A run that a rule takes, with everything that actions read. */
export interface MatchedRun {
  readonly traceId: string;
  readonly spanId: string;
  readonly runId: string;
  readonly name: string | null;
  readonly project: string | null;
  readonly inputs: RunJson;
  readonly outputs: RunJson;
  /** SHA-256 of what the run says, see `spanHash`. */
  readonly spanSha256: string;
  /** Newest first. */
  readonly feedback: readonly RunFeedback[];
  /** Of a rule over threads: inputs and outputs of each turn, oldest first. */
  readonly thread?: { readonly id: string; readonly turns: readonly JsonObject[] };
}

/** What became of one action. */
export interface ActionOutcome {
  /** Type and target: an action keeps this name across versions of its rule. */
  readonly action: string;
  readonly outcome: (typeof RULE_OUTCOMES)[number];
  readonly reason?: string;
  readonly target_id?: string;
  readonly made_id?: string;
  /** A webhook's: since when it is to be delivered, RFC 3339. */
  readonly requested_at?: string;
  /** Of what was quarantined, and by whom. */
  readonly decision?: "approved" | "rejected";
  readonly decided_by?: string;
}

/** What became of one run under one rule: the data of a `rule_run`. */
export interface RuleRun {
  readonly id: string;
  readonly data: JsonObject;
}
