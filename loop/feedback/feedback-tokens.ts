import { randomUUID } from "node:crypto";
import {
  CounterfoilError,
  FEEDBACK_TOKEN_LIFE_MS_MAX,
  FEEDBACK_TOKENS,
  type JsonObject,
  type JsonValue,
  timeToUnixNano,
  uuidOf,
} from "../../schema/index.js";
import type { ReaderRow, RecordDraft, RecordWriter } from "../../store/index.js";
import { InTurn } from "../records/in-turn.js";
import type { Rows } from "./feedback-query.js";
import type { FeedbackService } from "./feedback-service.js";

/** A permission to give feedback without an API key. */
export interface FeedbackToken {
  /** The secret itself. */
  readonly id: string;
  /** As in the record type `feedback_token`. */
  readonly data: JsonObject;
}

/** What a token is used with: fields of a feedback. */
export type TokenFeedback = Readonly<
  Partial<Record<"score" | "value" | "comment" | "correction" | "metadata", JsonValue>>
>;

/** What {@link FeedbackTokenService} works with. */
export interface FeedbackTokenPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  readonly feedback: FeedbackService;
  readonly now?: () => Date;
}

const GIVEN = ["score", "value", "comment", "correction"] as const;

/** Tokens as records (invariant I5): who has one may give one key of feedback on one thing, until it expires. */
export class FeedbackTokenService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #feedback: FeedbackService;
  readonly #now: () => Date;
  /** A token for one use must not be used twice at once. */
  readonly #turns = new InTurn();

  constructor({ writer, rows, feedback, now = () => new Date() }: FeedbackTokenPorts) {
    this.#writer = writer;
    this.#rows = rows;
    this.#feedback = feedback;
    this.#now = now;
  }

  /** Makes tokens, all or none. Throws CF_RECORD_INVALID, also for one that expires in the past or too late. */
  async create(drafts: readonly JsonObject[]): Promise<FeedbackToken[]> {
    const now = this.#now();
    const records = drafts.map((data): RecordDraft & { readonly data: JsonObject; readonly id: string } => {
      checkLife(data["expires_at"], now);
      return {
        type: FEEDBACK_TOKENS.type,
        id: randomUUID(),
        op: "put",
        data: { ...data, created_at: now.toISOString() },
      };
    });
    await this.#writer.append(records);
    return records.map(({ id, data }) => ({ id, data }));
  }

  /** Of a run, newest first; those that expired, too. */
  async ofRun(runId: string): Promise<FeedbackToken[]> {
    const rows = await this.#rows(
      "SELECT id, data FROM feedback_tokens WHERE lower(run_id) = $1 ORDER BY created_at DESC, id",
      [runId.toLowerCase()],
    );
    return rows.map(tokenOf);
  }

  /**
   * Gives the feedback that a token permits, durably. Throws CF_NOT_FOUND for one that is unknown, used up or expired, and
   * CF_RECORD_INVALID for feedback without any content or against the key's config.
   */
  async use(id: string, given: TokenFeedback): Promise<JsonObject> {
    const wanted = uuidOf(id);
    if (wanted === undefined) throw missing();
    if (GIVEN.every((field) => (given[field] ?? null) === null)) {
      throw new CounterfoilError(
        "CF_RECORD_INVALID",
        "Not a valid feedback: give a score, a value, a comment or a correction.",
      );
    }
    const token = await this.#valid(wanted);
    if (token.data["once"] !== true) return this.#give(token, given, []);
    return this.#turns.run(async () =>
      this.#give(await this.#valid(wanted), given, [
        { type: FEEDBACK_TOKENS.type, id: wanted, op: "delete", data: null },
      ]),
    );
  }

  async #valid(id: string): Promise<FeedbackToken> {
    const [row] = await this.#rows("SELECT id, data FROM feedback_tokens WHERE id = $1", [id]);
    if (row === undefined) throw missing();
    const token = tokenOf(row);
    if (millis(token.data["expires_at"]) <= this.#now().getTime()) throw missing();
    return token;
  }

  async #give(
    { data }: FeedbackToken,
    given: TokenFeedback,
    also: readonly RecordDraft[],
  ): Promise<JsonObject> {
    const about = ["run_id", "trace_id", "span_id", "thread_id", "feedback_config"] as const;
    const draft: Record<string, JsonValue> = { key: data["feedback_key"] ?? "" };
    for (const field of about) if ((data[field] ?? null) !== null) draft[field] = data[field] ?? null;
    for (const field of GIVEN) if ((given[field] ?? null) !== null) draft[field] = given[field] ?? null;
    if (typeof data["feedback_id"] === "string") draft["id"] = data["feedback_id"];
    draft["feedback_source"] = { type: "app", metadata: given["metadata"] ?? {} };
    const [created] = await this.#feedback.create([draft], also);
    return created ?? {};
  }
}

function checkLife(expiresAt: JsonValue | undefined, now: Date): void {
  const left = millis(expiresAt) - now.getTime();
  if (left > 0 && left <= FEEDBACK_TOKEN_LIFE_MS_MAX) return;
  const days = FEEDBACK_TOKEN_LIFE_MS_MAX / 86_400_000;
  throw new CounterfoilError(
    "CF_RECORD_INVALID",
    `Not a valid feedback_token: expires_at must be a time such as 2026-11-23T10:00:00Z, from now until ${days} days on.`,
  );
}

function millis(time: JsonValue | undefined): number {
  return Number((timeToUnixNano(time) ?? 0n) / 1_000_000n);
}

function missing(): CounterfoilError {
  return new CounterfoilError("CF_NOT_FOUND", "Feedback token not found, used up or expired");
}

function tokenOf(row: ReaderRow): FeedbackToken {
  const { id, data } = row;
  return {
    id: typeof id === "string" ? id : "",
    data: typeof data === "string" ? (JSON.parse(data) as JsonObject) : {},
  };
}
