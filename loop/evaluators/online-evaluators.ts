import { randomUUID } from "node:crypto";
import { CounterfoilError, EVALUATORS_MAX, type JsonObject, ONLINE_EVALUATORS } from "../../schema/index.js";
import type { RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { InTurn } from "../records/in-turn.js";
import { textIn } from "../records/text-in.js";

const TYPE = ONLINE_EVALUATORS.type;

/** An evaluator that LangSmith runs, current state. */
export interface OnlineEvaluator {
  readonly id: string;
  /** As in the record type `online_evaluator`. */
  readonly data: JsonObject;
}

/** What {@link OnlineEvaluatorService} works with. */
export interface OnlineEvaluatorPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  readonly now?: () => Date;
}

/** LangSmith's online evaluators as records (I5): kept, given back and exported, and not run. */
export class OnlineEvaluatorService {
  readonly #ports: OnlineEvaluatorPorts;
  readonly #turns = new InTurn();

  constructor(ports: OnlineEvaluatorPorts) {
    this.#ports = ports;
  }

  /** Newest first. */
  async list(): Promise<OnlineEvaluator[]> {
    const sql = "SELECT id, data FROM online_evaluators ORDER BY created_at DESC, id";
    const rows = await this.#ports.rows(sql, []);
    return rows.map((row) => ({
      id: textIn(row, "id"),
      data: JSON.parse(textIn(row, "data")) as JsonObject,
    }));
  }

  /** Throws CF_NOT_FOUND. */
  async get(id: string): Promise<OnlineEvaluator> {
    const found = (await this.list()).find((each) => each.id === id);
    if (found !== undefined) return found;
    throw new CounterfoilError("CF_NOT_FOUND", `Evaluator ${id} not found`);
  }

  /** Throws CF_RECORD_INVALID, and CF_USAGE above EVALUATORS_MAX. */
  create(data: JsonObject): Promise<OnlineEvaluator> {
    return this.#turns.run(async () => {
      if ((await this.list()).length >= EVALUATORS_MAX)
        throw new CounterfoilError("CF_USAGE", `There may be at most ${EVALUATORS_MAX} online evaluators.`);
      const time = this.#now();
      return this.#put(randomUUID(), { ...data, created_at: time, updated_at: time });
    });
  }

  /** Changes the given fields; null takes one away. Throws CF_NOT_FOUND and CF_RECORD_INVALID. */
  update(id: string, change: JsonObject): Promise<OnlineEvaluator> {
    return this.#turns.run(async () => {
      const { data } = await this.get(id);
      return this.#put(id, { ...data, ...change, updated_at: this.#now() });
    });
  }

  /** Throws CF_NOT_FOUND. */
  remove(id: string): Promise<void> {
    return this.#turns.run(async () => {
      await this.get(id);
      await this.#ports.writer.append([{ type: TYPE, id, op: "delete", data: null }]);
    });
  }

  async #put(id: string, given: JsonObject): Promise<OnlineEvaluator> {
    const data = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
    await this.#ports.writer.append([{ type: TYPE, id, op: "put", data }]);
    return { id, data };
  }

  #now(): string {
    return (this.#ports.now?.() ?? new Date()).toISOString();
  }
}
