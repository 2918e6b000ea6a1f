/** How far apart two ratings are: not at all or entirely (nominal), by rank (ordinal), or by their difference (interval). */
export const AGREEMENT_LEVELS = ["nominal", "ordinal", "interval"] as const;

/** One of {@link AGREEMENT_LEVELS}. */
export type AgreementLevel = (typeof AGREEMENT_LEVELS)[number];

/**
 * Cohen's kappa of two raters over the things that both rated (Cohen 1960): 1 is full agreement, 0 is what chance gives.
 * Undefined without pairs, or when chance alone agrees always (both gave the same one rating throughout).
 */
export function cohenKappa(pairs: readonly (readonly [string, string])[]): number | undefined {
  const total = pairs.length;
  if (total === 0) return undefined;
  const first = counts(pairs.map(([rating]) => rating));
  const second = counts(pairs.map(([, rating]) => rating));
  const observed = pairs.filter(([a, b]) => a === b).length / total;
  let expected = 0;
  for (const [rating, count] of first) expected += (count / total) * ((second.get(rating) ?? 0) / total);
  return expected === 1 ? undefined : (observed - expected) / (1 - expected);
}

/**
 * Fleiss' kappa (Fleiss 1971) of things that were each rated by the same number of raters, whoever they were. A thing is
 * the list of its ratings. Undefined without things, with different numbers of ratings, with fewer than two, or when all
 * ratings are the same.
 */
export function fleissKappa(things: readonly (readonly string[])[]): number | undefined {
  const raters = things[0]?.length ?? 0;
  if (raters < 2 || things.some(({ length }) => length !== raters)) return undefined;
  const overall = counts(things.flat());
  const ratings = things.length * raters;
  let expected = 0;
  for (const count of overall.values()) expected += (count / ratings) ** 2;
  let observed = 0;
  for (const thing of things) {
    let pairs = 0;
    for (const count of counts(thing).values()) pairs += count * (count - 1);
    observed += pairs / (raters * (raters - 1)) / things.length;
  }
  return expected === 1 ? undefined : (observed - expected) / (1 - expected);
}

/**
 * Krippendorff's alpha (Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability"): any number of raters, not all of
 * whom rated everything. A thing is the list of its ratings; one with fewer than two is left out. Undefined when nothing
 * is left, or when all ratings are the same. Ordinal and interval need numbers: other ratings make it undefined.
 */
export function krippendorffAlpha(
  things: readonly (readonly string[])[],
  level: AgreementLevel,
): number | undefined {
  const pairable = things.filter(({ length }) => length >= 2);
  const margins = counts(pairable.flat());
  const values = [...margins.keys()];
  if (level !== "nominal") {
    if (values.some((value) => Number.isNaN(Number(value)))) return undefined;
    values.sort((left, right) => Number(left) - Number(right));
  }
  const total = pairable.reduce((sum, { length }) => sum + length, 0);
  const distance = distanceOf(level, values, margins);
  let observed = 0;
  for (const thing of pairable) {
    const here = [...counts(thing)];
    for (const [a, countA] of here)
      for (const [b, countB] of here)
        if (a !== b) observed += (countA * countB * distance(a, b)) / (thing.length - 1);
  }
  let expected = 0;
  for (const a of values)
    for (const b of values)
      if (a !== b) expected += (margins.get(a) ?? 0) * (margins.get(b) ?? 0) * distance(a, b);
  return expected === 0 ? undefined : 1 - (observed / expected) * (total - 1);
}

/** The squared distance of two different ratings. `values` in order. */
function distanceOf(
  level: AgreementLevel,
  values: readonly string[],
  margins: ReadonlyMap<string, number>,
): (a: string, b: string) => number {
  if (level === "nominal") return () => 1;
  if (level === "interval") return (a, b) => (Number(a) - Number(b)) ** 2;
  const at = new Map(values.map((value, index) => [value, index]));
  // Sum of all ratings up to and with each value, so that those between two are one subtraction.
  const upTo: number[] = [];
  for (const value of values) upTo.push((upTo.at(-1) ?? 0) + (margins.get(value) ?? 0));
  return (a, b) => {
    const [low = 0, high = 0] = [at.get(a) ?? 0, at.get(b) ?? 0].sort((left, right) => left - right);
    const between = (upTo[high] ?? 0) - (upTo[low - 1] ?? 0);
    return (between - ((margins.get(a) ?? 0) + (margins.get(b) ?? 0)) / 2) ** 2;
  };
}

function counts(ratings: readonly string[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const rating of ratings) found.set(rating, (found.get(rating) ?? 0) + 1);
  return found;
}
