import { canonicalJson, type JsonObject } from "../../../schema/index.js";
import type { RunFeedback } from "../rule-types.js";

/** How many must agree when nothing says it. */
const ANNOTATORS = 2;

/** The feedback that counts, newest first, or why there is no agreement. */
export type Consensus = { readonly feedback: readonly RunFeedback[] } | { readonly refused: string };

/**
 * Whether enough people say the same of a run. Of each user the newest feedback of a key counts; what is said is score and
 * value, and the correction where that becomes the example. One who is trusted is enough, the newest of them where
 * several are; otherwise two camps of the same size agree on nothing.
 */
export function consensusOf(
  guard: JsonObject,
  feedback: readonly RunFeedback[],
  { withCorrection }: { readonly withCorrection: boolean },
): Consensus {
  const key = guard["key"];
  const about = feedback.filter((each) => typeof key !== "string" || each.key === key);
  const said = (each: RunFeedback): string =>
    canonicalJson([each.key, each.score, each.value, withCorrection ? (each.correction ?? null) : null]);
  const trusted = about.find((each) => isTrusted(guard, each));
  if (trusted !== undefined) {
    const same = about.filter((each) => said(each) === said(trusted));
    return { feedback: [trusted, ...same.filter((each) => each !== trusted)] };
  }
  const camps = new Map<string, RunFeedback[]>();
  const heard = new Set<string>();
  for (const each of about) {
    const who = canonicalJson([each.userId, each.key]);
    if (each.userId === null || heard.has(who)) continue;
    heard.add(who);
    camps.set(said(each), [...(camps.get(said(each)) ?? []), each]);
  }
  const wanted = typeof guard["annotators"] === "number" ? guard["annotators"] : ANNOTATORS;
  const [first = [], second = []] = [...camps.values()].sort((left, right) => right.length - left.length);
  if (first.length >= wanted && first.length > second.length) return { feedback: first };
  const tie = first.length >= wanted ? `; ${second.length} others say something else` : "";
  return { refused: `no consensus: ${first.length} of ${wanted} annotators agree${tie}` };
}

function isTrusted(guard: JsonObject, { userId, sourceType, role }: RunFeedback): boolean {
  const has = (list: string, value: string | null): boolean =>
    value !== null && ((guard[list] ?? []) as readonly string[]).includes(value);
  return has("trusted_users", userId) || has("trusted_sources", sourceType) || has("trusted_roles", role);
}
