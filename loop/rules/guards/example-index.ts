import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import {
  CounterfoilError,
  GUARD_CANDIDATES_MAX,
  GUARD_EXAMPLES_MAX,
  GUARD_EXAMPLES_PER_QUERY,
  GUARD_TEXT_CHARS_MAX,
} from "../../../schema/index.js";
import { SPLITS } from "../../datasets/example-sql.js";
import type { Rows } from "../../feedback/feedback-query.js";
import { Bindings } from "../../filter/filter-sql.js";
import { textIn } from "../../records/text-in.js";
import { jaccard, minHash, piecesOf, similarityOf, textOf } from "./min-hash.js";

/** Estimates are off by 0.05 (standard deviation): what is three of them below may still be above. */
const ESTIMATE_MARGIN = 0.15;

/** What is known of one example's inputs. */
export interface IndexedExample {
  readonly id: string;
  readonly textHash: string;
  readonly signature: Uint32Array;
  readonly splits: readonly string[];
}

/** An example whose inputs are like others, and how much: 1 is the same text. */
export interface LikeExample {
  readonly id: string;
  readonly similarity: number;
  readonly splits: readonly string[];
}

/** What stands for inputs in comparisons. */
export function indexed(id: string, inputs: unknown, splits: readonly string[]): IndexedExample {
  const text = textOf(inputs);
  return {
    id,
    splits,
    textHash: createHash("sha256").update(text).digest("base64"),
    signature: minHash(piecesOf(text.slice(0, GUARD_TEXT_CHARS_MAX))),
  };
}

/** The examples of one dataset by what their inputs say. Kept in memory, and read on from where it was. */
export class ExampleIndex {
  readonly #datasetId: string;
  readonly #examples = new Map<string, IndexedExample>();
  #seq = 0;
  #seqIndex = -1;

  constructor(datasetId: string) {
    this.#datasetId = datasetId;
  }

  /** Takes in what changed. Throws CF_QUERY_LIMIT when the dataset has more than GUARD_EXAMPLES_MAX. */
  async catchUp(rows: Rows): Promise<void> {
    for (;;) {
      const found = await rows(
        `SELECT id, op, inputs, CAST(to_json(${SPLITS}) AS VARCHAR) AS splits, seq, seq_index FROM examples_history
WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $1) AND (seq > $2 OR (seq = $2 AND seq_index > $3))
ORDER BY seq, seq_index LIMIT ${GUARD_EXAMPLES_PER_QUERY}`,
        [this.#datasetId, this.#seq, this.#seqIndex],
      );
      for (const row of found) {
        const id = textIn(row, "id");
        this.#examples.delete(id);
        if (row["op"] === "put") {
          const splits = JSON.parse(textIn(row, "splits") || "[]") as readonly string[];
          this.#examples.set(id, indexed(id, JSON.parse(textIn(row, "inputs") || "null"), splits));
        }
        this.#seq = Number(row["seq"]);
        this.#seqIndex = Number(row["seq_index"]);
      }
      if (this.#examples.size > GUARD_EXAMPLES_MAX) {
        throw new CounterfoilError(
          "CF_QUERY_LIMIT",
          `the dataset ${this.#datasetId} has more than ${GUARD_EXAMPLES_MAX} examples, too many for guards that compare`,
        );
      }
      if (found.length < GUARD_EXAMPLES_PER_QUERY) return;
      // Hashing must not hold what else the process does.
      await setImmediate();
    }
  }

  /**
   * Examples like this one, the most similar first: of the same text, or, with `similarity`, from that Jaccard similarity
   * on. Signatures find them, and their texts decide.
   */
  async like(
    rows: Rows,
    wanted: IndexedExample,
    inputs: unknown,
    similarity?: number,
  ): Promise<LikeExample[]> {
    const same: LikeExample[] = [];
    const near: { readonly example: IndexedExample; readonly estimate: number }[] = [];
    for (const example of this.#examples.values()) {
      if (example.textHash === wanted.textHash) same.push({ ...example, similarity: 1 });
      else if (similarity !== undefined) {
        const estimate = similarityOf(example.signature, wanted.signature);
        if (estimate >= similarity - ESTIMATE_MARGIN) near.push({ example, estimate });
      }
    }
    if (near.length === 0 || similarity === undefined) return same;
    near.sort((left, right) => right.estimate - left.estimate);
    const some = near.slice(0, GUARD_CANDIDATES_MAX).map(({ example }) => example);
    const pieces = piecesOf(textOf(inputs).slice(0, GUARD_TEXT_CHARS_MAX));
    const bindings = new Bindings();
    const found = await rows(
      `SELECT id, inputs FROM examples WHERE id IN (${some.map(({ id }) => bindings.bind(id)).join(", ")})`,
      bindings.params,
    );
    const exact = found.map((row): LikeExample => {
      const text = textOf(JSON.parse(textIn(row, "inputs") || "null")).slice(0, GUARD_TEXT_CHARS_MAX);
      const id = textIn(row, "id");
      const splits = some.find((example) => example.id === id)?.splits ?? [];
      return { id, similarity: jaccard(pieces, piecesOf(text)), splits };
    });
    const alike = exact.filter((each) => each.similarity >= similarity);
    return [...same, ...alike.sort((left, right) => right.similarity - left.similarity)];
  }
}
