import { randomUUID } from "node:crypto";
import { COMPARATIVE_EXPERIMENTS, CounterfoilError, type JsonObject } from "../../schema/index.js";
import type { RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { InTurn } from "../records/in-turn.js";
import { textIn } from "../records/text-in.js";

/** Experiments that were judged against each other. */
export interface ComparativeExperiment {
  readonly id: string;
  /** As in the record type `comparative_experiment`. */
  readonly data: JsonObject;
  /** RFC 3339 of its last change. */
  readonly modifiedAt: string;
  /** Names of its experiments by id; one that is gone is missing. */
  readonly experiments: ReadonlyMap<string, string>;
  /** Figures over the scores that name it, by feedback key. */
  readonly scores: ReadonlyMap<string, ScoreFigures>;
}

/** How many scores, and their mean. */
export interface ScoreFigures {
  readonly n: number;
  readonly avg: number | null;
}

/** What {@link ComparativeService} works with. */
export interface ComparativePorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
}

/** Comparative experiments as records (invariant I5). */
export class ComparativeService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #turns = new InTurn();

  constructor({ writer, rows }: ComparativePorts) {
    this.#writer = writer;
    this.#rows = rows;
  }

  /**
   * Throws CF_NOT_FOUND for an experiment that is none of the dataset, CF_CONFLICT for an id that is taken, and
   * CF_RECORD_INVALID.
   */
  create(data: JsonObject, id: string = randomUUID()): Promise<ComparativeExperiment> {
    return this.#turns.run(async () => {
      const dataset = typeof data["reference_dataset_id"] === "string" ? data["reference_dataset_id"] : "";
      const wanted = (
        Array.isArray(data["experiment_ids"]) ? data["experiment_ids"] : []
      ) as readonly string[];
      const there = await this.#rows(
        "SELECT id FROM projects WHERE lower(reference_dataset_id) = lower($1)",
        [dataset],
      );
      const known = new Set(there.map((row) => row["id"]));
      const missing = wanted.find((experiment) => !known.has(experiment));
      if (missing !== undefined) {
        throw new CounterfoilError("CF_NOT_FOUND", `Experiment ${missing} of dataset ${dataset} not found`);
      }
      if ((await this.#read("c.id = $1", id)).length > 0) {
        throw new CounterfoilError(
          "CF_CONFLICT",
          `A comparative experiment with the id ${id} already exists.`,
        );
      }
      await this.#writer.append([{ type: COMPARATIVE_EXPERIMENTS.type, id, op: "put", data }]);
      return this.get(id);
    });
  }

  /** Throws CF_NOT_FOUND. */
  async get(id: string): Promise<ComparativeExperiment> {
    const [found] = await this.#read("c.id = $1", id);
    if (found !== undefined) return found;
    throw new CounterfoilError("CF_NOT_FOUND", `Comparative experiment ${id} not found`);
  }

  /** Those of a dataset, newest first. */
  ofDataset(datasetId: string): Promise<ComparativeExperiment[]> {
    return this.#read("lower(c.reference_dataset_id) = lower($1)", datasetId);
  }

  /** Throws CF_NOT_FOUND. The judgements stay. */
  async remove(id: string): Promise<void> {
    await this.get(id);
    await this.#writer.append([{ type: COMPARATIVE_EXPERIMENTS.type, id, op: "delete", data: null }]);
  }

  async #read(where: string, value: string): Promise<ComparativeExperiment[]> {
    const rows = await this.#rows(
      `SELECT c.id, c.data, strftime(c.time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS modified_at
FROM comparative_experiments AS c WHERE ${where} ORDER BY c.created_at DESC, c.id`,
      [value],
    );
    if (rows.length === 0) return [];
    const projects = await this.#rows("SELECT id, name FROM projects", []);
    const names = new Map(projects.map((row) => [textIn(row, "id"), textIn(row, "name")]));
    const scores = await this.#scores(rows.map((row) => textIn(row, "id")));
    return rows.map((row) => {
      const data = JSON.parse(textIn(row, "data")) as JsonObject;
      const ids = (data["experiment_ids"] ?? []) as readonly string[];
      return {
        id: textIn(row, "id"),
        data,
        modifiedAt: textIn(row, "modified_at"),
        experiments: new Map(ids.flatMap((id) => (names.has(id) ? [[id, names.get(id) ?? ""]] : []))),
        scores: scores.get(textIn(row, "id")) ?? new Map<string, ScoreFigures>(),
      };
    });
  }

  async #scores(ids: readonly string[]): Promise<Map<string, Map<string, ScoreFigures>>> {
    const marks = ids.map((_, at) => `$${at + 1}`).join(", ");
    const rows = await this.#rows(
      `SELECT comparative_experiment_id AS id, key, count(*)::INTEGER AS n, avg(score) AS avg FROM feedback
WHERE comparative_experiment_id IN (${marks}) GROUP BY ALL ORDER BY key`,
      ids,
    );
    const found = new Map<string, Map<string, ScoreFigures>>();
    for (const row of rows) {
      const id = textIn(row, "id");
      const figures = { n: Number(row["n"]), avg: row["avg"] === null ? null : Number(row["avg"]) };
      found.set(id, (found.get(id) ?? new Map<string, ScoreFigures>()).set(textIn(row, "key"), figures));
    }
    return found;
  }
}
