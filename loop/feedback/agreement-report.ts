import { AGREEMENT_RATINGS_MAX, CounterfoilError } from "../../schema/index.js";
import { type AgreementLevel, cohenKappa, fleissKappa, krippendorffAlpha } from "./agreement.js";
import type { Rows } from "./feedback-query.js";

/** Two raters, the things that both rated, and how far they agree. */
export interface RaterPair {
  readonly raters: readonly [string, string];
  readonly things: number;
  /** Share of things with the same rating. */
  readonly agreed: number;
  readonly cohenKappa: number | null;
}

/** Agreement on one key. A figure is null where it is not defined. */
export interface AgreementReport {
  readonly key: string;
  readonly level: AgreementLevel;
  readonly raters: readonly string[];
  /** Things that at least two raters rated, and all that were rated. */
  readonly compared: number;
  readonly rated: number;
  readonly krippendorffAlpha: number | null;
  /** Over the compared things that have as many ratings as most of them have. */
  readonly fleissKappa: number | null;
  readonly fleissThings: number;
  readonly pairs: readonly RaterPair[];
}

/**
 * The last rating of each rater on each thing. A rater is the user that gave it, else the source's type (`model`,
 * `human`, ...). The rating is the score, else the value.
 */
const ratingsSql = (among: string): string => `SELECT thing, rater, arg_max(rating, created) AS rating FROM (
  SELECT coalesce('span ' || trace_id || ' ' || span_id, 'run ' || run_id, 'trace ' || trace_id, 'thread ' || thread_id,
      'example ' || example_id, 'session ' || session_id, 'project ' || project) AS thing,
    coalesce(user_id, source_type, source) AS rater,
    coalesce(score::VARCHAR, CASE json_type(value) WHEN 'VARCHAR' THEN json_extract_string(value, '$') ELSE value END) AS rating,
    {'t': coalesce(modified_at, created_at, time), 'i': id} AS created
  FROM feedback WHERE key = $1 AND coalesce(error, false) = false AND ${among}
) WHERE thing IS NOT NULL AND rater IS NOT NULL AND rating IS NOT NULL GROUP BY thing, rater ORDER BY thing, rater
LIMIT ${AGREEMENT_RATINGS_MAX + 1}`;

/** Condition over `feedback`, and what its `$2`, `$3`, ... are. */
export interface RatingsScope {
  readonly sql: string;
  readonly params: readonly string[];
}

const ALL: RatingsScope = { sql: "true", params: [] };

/**
 * How far raters of one key agree, over all feedback or that of a scope. Throws CF_USAGE when there are more than
 * AGREEMENT_RATINGS_MAX ratings.
 */
export async function agreementReport(
  rows: Rows,
  key: string,
  level: AgreementLevel,
  scope: RatingsScope = ALL,
): Promise<AgreementReport> {
  const found = await rows(ratingsSql(scope.sql), [key, ...scope.params]);
  if (found.length > AGREEMENT_RATINGS_MAX) {
    throw new CounterfoilError(
      "CF_USAGE",
      `The key ${key} has more than ${AGREEMENT_RATINGS_MAX} ratings; agreement is computed over at most that many.`,
    );
  }
  const things = new Map<string, Map<string, string>>();
  for (const row of found) {
    const [thing, rater, rating] = [row["thing"], row["rater"], row["rating"]].map((text) =>
      typeof text === "string" ? text : "",
    ) as [string, string, string];
    things.set(thing, (things.get(thing) ?? new Map<string, string>()).set(rater, rating));
  }
  return reportOf({ key, level }, [...things.values()]);
}

function reportOf(
  { key, level }: { readonly key: string; readonly level: AgreementLevel },
  things: readonly ReadonlyMap<string, string>[],
): AgreementReport {
  const raters = [...new Set(things.flatMap((ratings) => [...ratings.keys()]))].sort();
  const compared = things.filter(({ size }) => size >= 2).map((ratings) => [...ratings.values()]);
  const usual = mostCommon(compared.map(({ length }) => length));
  const even = compared.filter(({ length }) => length === usual);
  return {
    key,
    level,
    raters,
    compared: compared.length,
    rated: things.length,
    krippendorffAlpha: krippendorffAlpha(compared, level) ?? null,
    fleissKappa: fleissKappa(even) ?? null,
    fleissThings: even.length,
    pairs: pairsOf(raters, things),
  };
}

function pairsOf(raters: readonly string[], things: readonly ReadonlyMap<string, string>[]): RaterPair[] {
  return raters.flatMap((first, at) =>
    raters.slice(at + 1).flatMap((second): RaterPair[] => {
      const both = things.flatMap((ratings) => {
        const [a, b] = [ratings.get(first), ratings.get(second)];
        return a === undefined || b === undefined ? [] : [[a, b] as const];
      });
      if (both.length === 0) return [];
      const agreed = both.filter(([a, b]) => a === b).length / both.length;
      return [{ raters: [first, second], things: both.length, agreed, cohenKappa: cohenKappa(both) ?? null }];
    }),
  );
}

function mostCommon(numbers: readonly number[]): number | undefined {
  const found = new Map<number, number>();
  for (const number of numbers) found.set(number, (found.get(number) ?? 0) + 1);
  return [...found].sort((left, right) => right[1] - left[1] || right[0] - left[0])[0]?.[0];
}
