import {
  GUARD_DATASETS_MAX,
  GUARD_TEXT_CHARS_MAX,
  type JsonObject,
  type JsonValue,
} from "../../../schema/index.js";
import type { Rows } from "../../feedback/feedback-query.js";
import { Bindings } from "../../filter/filter-sql.js";
import { textIn } from "../../records/text-in.js";
import { ExampleIndex, indexed, type IndexedExample, type LikeExample } from "./example-index.js";
import { jaccard, piecesOf, textOf } from "./min-hash.js";

const SIMILARITY = 0.8;
/** Split of an example that names none, as LangSmith has it. */
const BASE_SPLIT = "base";

/** An example that is about to be made. */
export interface NewExample {
  readonly id: string;
  readonly datasetId: string;
  readonly inputs: JsonValue;
  readonly splits: readonly string[];
}

/** Those that the same change makes already: no query shows them yet. */
export type FreshExamples = Map<string, (NewExample & { readonly index: IndexedExample })[]>;

/** Compares examples that rules are about to make with those that are there. One for a server, as it keeps what it read. */
export class Guards {
  readonly #indexes = new Map<string, ExampleIndex>();

  /** Why the guards of an action refuse an example; undefined when they let it in, and it is noted in `fresh`. */
  async refusal(
    rows: Rows,
    guards: JsonObject,
    example: NewExample,
    fresh: FreshExamples,
  ): Promise<string | undefined> {
    const { datasetId, inputs } = example;
    const splits = example.splits.length === 0 ? [BASE_SPLIT] : example.splits;
    const { duplicates, exclusive_splits: exclusive, exclusive_datasets: apart } = guards;
    const names = (apart ?? []) as readonly string[];
    if (typeof duplicates !== "string" && exclusive === undefined && names.length === 0) return undefined;
    const index = indexed(example.id, inputs, splits);
    const like = { index, inputs, similarity: similarityIn(guards), fresh };
    const here = await this.#like(rows, datasetId, like);
    const duplicate = here.find(({ similarity }) => duplicates === "near" || similarity === 1);
    if (typeof duplicates === "string" && duplicate !== undefined)
      return `${likeText(duplicate)} in the dataset`;
    const split = here.find((each) =>
      inOtherSplit(each.splits, splits, (exclusive ?? []) as readonly string[]),
    );
    if (split !== undefined) return `${likeText(split)} in another split, ${split.splits.join(", ")}`;
    for (const [name, id] of await datasetsOf(rows, names)) {
      if (id === datasetId) continue;
      const [there] = await this.#like(rows, id, like);
      if (there !== undefined) return `${likeText(there)} in the dataset ${name}`;
    }
    fresh.set(datasetId, [...(fresh.get(datasetId) ?? []), { ...example, splits, index }]);
    return undefined;
  }

  async #like(
    rows: Rows,
    datasetId: string,
    wanted: {
      readonly index: IndexedExample;
      readonly inputs: JsonValue;
      readonly similarity: number | undefined;
      readonly fresh: FreshExamples;
    },
  ): Promise<LikeExample[]> {
    const { index, inputs, similarity, fresh } = wanted;
    const known = await this.#indexOf(rows, datasetId);
    const there = await known.like(rows, index, inputs, similarity);
    const made = (fresh.get(datasetId) ?? []).flatMap((each): LikeExample[] => {
      const same = each.index.textHash === index.textHash;
      const alike = same
        ? 1
        : similarity === undefined
          ? 0
          : jaccard(piecesIn(each.inputs), piecesIn(inputs));
      return same || (similarity !== undefined && alike >= similarity)
        ? [{ id: each.id, similarity: alike, splits: each.splits }]
        : [];
    });
    return [...there, ...made];
  }

  /** Up to date. Those that were not asked for longest are forgotten. */
  async #indexOf(rows: Rows, datasetId: string): Promise<ExampleIndex> {
    const known = this.#indexes.get(datasetId) ?? new ExampleIndex(datasetId);
    this.#indexes.delete(datasetId);
    this.#indexes.set(datasetId, known);
    const [oldest] = this.#indexes.keys();
    if (this.#indexes.size > GUARD_DATASETS_MAX && oldest !== undefined) this.#indexes.delete(oldest);
    await known.catchUp(rows);
    return known;
  }
}

/** From which similarity on texts are alike; undefined when only the same text is. */
function similarityIn({ duplicates, similarity }: JsonObject): number | undefined {
  if (typeof similarity === "number") return similarity;
  return duplicates === "near" ? SIMILARITY : undefined;
}

function piecesIn(inputs: JsonValue): Set<string> {
  return piecesOf(textOf(inputs).slice(0, GUARD_TEXT_CHARS_MAX));
}

/** Whether an example may not be in its splits and its like in those. */
function inOtherSplit(
  theirs: readonly string[],
  ours: readonly string[],
  exclusive: readonly string[],
): boolean {
  const among = (splits: readonly string[]) => splits.filter((split) => exclusive.includes(split));
  return among(ours).some((own) => among(theirs).some((other) => other !== own));
}

function likeText({ id, similarity }: LikeExample): string {
  return similarity === 1
    ? `the same inputs are example ${id}`
    : `example ${id} is alike (${similarity.toFixed(2)})`;
}

async function datasetsOf(rows: Rows, names: readonly string[]): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const bindings = new Bindings();
  const list = names.map((name) => bindings.bind(name)).join(", ");
  const found = await rows(`SELECT name, id FROM datasets WHERE name IN (${list})`, bindings.params);
  return new Map(found.map((row) => [textIn(row, "name"), textIn(row, "id")]));
}
