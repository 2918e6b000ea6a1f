import type { JsonObject, JsonValue } from "../../schema/index.js";
import type { Example } from "./types.js";

/** Constants of BM25 as its authors and every search engine use them: how soon a repeated word counts no more, and how
 * much the length of a text does. */
const K1 = 1.2;
const B = 0.75;

/** An example and how much its inputs have in common with others: 0 for nothing, without an upper bound. */
export interface SimilarExample {
  readonly example: Example;
  readonly score: number;
}

/**
 * The examples whose inputs have most words in common with `inputs`, the most similar first, ranked by BM25: rare words
 * count for more. No model is asked, so words of the same meaning have nothing in common. Examples without a word in
 * common come last, in the order given.
 */
export function similarExamples(
  inputs: JsonObject,
  examples: readonly Example[],
  limit: number,
): SimilarExample[] {
  const texts = examples.map(({ data }) => countsOf(wordsIn(data["inputs"] ?? {})));
  const lengths = texts.map((counts) => [...counts.values()].reduce((sum, count) => sum + count, 0));
  const mean = lengths.reduce((sum, length) => sum + length, 0) / Math.max(1, lengths.length);
  // A question may have more words than a dataset: only those that an example has are looked at.
  const wanted = new Set(wordsIn(inputs));
  const common = texts.map((counts) => [...counts].filter(([word]) => wanted.has(word)));
  const having = countsOf(common.flatMap((words) => words.map(([word]) => word)));
  const scored = examples.map((example, at): SimilarExample => {
    const length = 1 - B + (B * (lengths[at] ?? 0)) / Math.max(1, mean);
    const score = (common[at] ?? []).reduce((sum, [word, count]) => {
      const others = having.get(word) ?? 0;
      const weight = Math.log(1 + (examples.length - others + 0.5) / (others + 0.5));
      return sum + (weight * count * (K1 + 1)) / (count + K1 * length);
    }, 0);
    return { example, score };
  });
  return scored.sort((left, right) => right.score - left.score).slice(0, limit);
}

/** Words of every value, in lower case; names of fields are the same in all examples and tell nothing. */
function wordsIn(value: JsonValue): string[] {
  if (typeof value === "string") return value.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (typeof value === "number" || typeof value === "boolean") return [String(value)];
  if (value === null) return [];
  return Object.values(value).flatMap((item: JsonValue) => wordsIn(item));
}

function countsOf(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
