import type { Rows } from "../feedback/feedback-query.js";

/** Examples whose score of a key is better or worse than in the baseline. */
export interface ScoreDelta {
  readonly improved: readonly string[];
  readonly regressed: readonly string[];
}

/** Which experiments to compare. Projects by name, as runs have them. */
export interface DeltaQuery {
  readonly baseline: string;
  readonly others: readonly string[];
  readonly key: string;
  readonly lowerIsBetter: boolean;
}

/**
 * Compares experiments with a baseline, example by example: the mean score over an example's runs counts, so repetitions
 * don't. Examples that one of the two has no score for are in neither list. By project name.
 */
export async function scoreDeltas(rows: Rows, query: DeltaQuery): Promise<ReadonlyMap<string, ScoreDelta>> {
  const { baseline, others, key, lowerIsBetter } = query;
  const marks = [baseline, ...others].map((_, at) => `$${at + 2}`).join(", ");
  const found = await rows(
    `SELECT s.project AS project, lower(s.attributes['langsmith.reference_example_id']) AS example, avg(f.score) AS score
FROM spans AS s JOIN feedback AS f ON f.trace_id = s.trace_id AND f.span_id = s.span_id
WHERE f.key = $1 AND f.score IS NOT NULL AND s.parent_span_id IS NULL AND s.project IN (${marks})
  AND s.attributes['langsmith.reference_example_id'] IS NOT NULL
GROUP BY ALL ORDER BY example`,
    [key, baseline, ...others],
  );
  const scores = new Map<string, Map<string, number>>();
  for (const { project, example, score } of found) {
    if (typeof project !== "string" || typeof example !== "string") continue;
    scores.set(project, (scores.get(project) ?? new Map<string, number>()).set(example, Number(score)));
  }
  const base = scores.get(baseline) ?? new Map<string, number>();
  return new Map(
    others.map((name) => {
      const changes = [...(scores.get(name) ?? [])].flatMap(([example, score]) => {
        const before = base.get(example);
        return before === undefined ? [] : [{ example, by: lowerIsBetter ? before - score : score - before }];
      });
      return [
        name,
        {
          improved: changes.filter(({ by }) => by > 0).map(({ example }) => example),
          regressed: changes.filter(({ by }) => by < 0).map(({ example }) => example),
        },
      ];
    }),
  );
}

/** Ids of the examples that runs of these projects are about. */
export async function examplesOfExperiments(
  rows: Rows,
  projects: readonly string[],
): Promise<readonly string[]> {
  if (projects.length === 0) return [];
  const marks = projects.map((_, at) => `$${at + 1}`).join(", ");
  const found = await rows(
    `SELECT DISTINCT lower(attributes['langsmith.reference_example_id']) AS example FROM spans
WHERE parent_span_id IS NULL AND project IN (${marks}) AND attributes['langsmith.reference_example_id'] IS NOT NULL`,
    projects,
  );
  return found.flatMap(({ example }) => (typeof example === "string" ? [example] : []));
}
