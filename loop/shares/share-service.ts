import { randomUUID } from "node:crypto";
import { CounterfoilError } from "../../schema/index.js";
import type { RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { InTurn } from "../records/in-turn.js";
import { textIn } from "../records/text-in.js";

/** One thing that can be shared. Run and dataset ids are UUIDs in lower case; a thread also needs its project's id. */
export type Shared =
  | { readonly kind: "run" | "dataset"; readonly id: string }
  | { readonly kind: "thread"; readonly id: string; readonly projectId: string };

/** What {@link ShareService} works with. */
export interface SharePorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
}

/** Public links as records (type `share`). A thing has one token at most; a token names one thing. */
export class ShareService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #turns = new InTurn();

  constructor({ writer, rows }: SharePorts) {
    this.#writer = writer;
    this.#rows = rows;
  }

  /** The thing's token; undefined when it is not shared. */
  async tokenOf(shared: Shared): Promise<string | undefined> {
    const conditions = ["kind = $1", "resource_id = $2"];
    if (shared.kind === "thread") conditions.push("project_id = $3");
    const [row] = await this.#rows(
      `SELECT id FROM shares WHERE ${conditions.join(" AND ")} ORDER BY created_at LIMIT 1`,
      shared.kind === "thread" ? [shared.kind, shared.id, shared.projectId] : [shared.kind, shared.id],
    );
    return typeof row?.["id"] === "string" ? row["id"] : undefined;
  }

  /** Tokens of those of the runs that are shared, by run id. */
  async tokensOfRuns(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    if (ids.length === 0) return new Map();
    const marks = ids.map((_, at) => `$${at + 1}`).join(", ");
    const rows = await this.#rows(
      `SELECT id, resource_id FROM shares WHERE kind = 'run' AND resource_id IN (${marks}) ORDER BY created_at DESC`,
      ids,
    );
    return new Map(rows.map((row) => [textIn(row, "resource_id"), textIn(row, "id")]));
  }

  /**
   * Shares a thing and gives its token: the one that it has already, else the one that is asked for, else a new one.
   * Throws CF_CONFLICT when that token names something else.
   */
  share(shared: Shared, token: string = randomUUID()): Promise<string> {
    return this.#turns.run(async () => {
      const there = await this.tokenOf(shared);
      if (there !== undefined) return there;
      if ((await this.find(token)) !== undefined) {
        throw new CounterfoilError("CF_CONFLICT", `The share token ${token} already names something else.`);
      }
      const data = {
        kind: shared.kind,
        resource_id: shared.id,
        ...(shared.kind === "thread" ? { project_id: shared.projectId } : {}),
        created_at: new Date().toISOString(),
      };
      await this.#writer.append([{ type: "share", id: token, op: "put", data }]);
      return token;
    });
  }

  /** Takes the link back. False when the thing was not shared. */
  unshare(shared: Shared): Promise<boolean> {
    return this.#turns.run(async () => {
      const token = await this.tokenOf(shared);
      if (token === undefined) return false;
      await this.#writer.append([{ type: "share", id: token, op: "delete", data: null }]);
      return true;
    });
  }

  /** What a token names; undefined when it names nothing. */
  async find(token: string): Promise<Shared | undefined> {
    const [row] = await this.#rows("SELECT kind, resource_id, project_id FROM shares WHERE id = $1", [token]);
    if (row === undefined) return undefined;
    const id = textIn(row, "resource_id");
    if (row["kind"] === "thread") return { kind: "thread", id, projectId: textIn(row, "project_id") };
    return { kind: row["kind"] === "dataset" ? "dataset" : "run", id };
  }
}
