import type { Subject } from "../../store/erase/index.js";
import type { SqlParameter } from "../../store/index.js";

/** What people write themselves, and what belongs to no run: it may name somebody in the midst of a text. */
const WRITTEN_BY_PEOPLE = ["rules", "evaluators", "online_evaluators", "annotation_queues", "prompt_commits"];

/**
 * Names of rules, evaluators and the like that name the subject in a text of theirs, such as the SQL of a rule. Erasing takes
 * records that are about somebody, not what people configured.
 */
export async function stillNamed(
  rows: (sql: string, params: readonly SqlParameter[]) => Promise<readonly { readonly kind: string }[]>,
  { threadIds, traceIds, userIds }: Subject,
): Promise<readonly string[]> {
  const ids = [...userIds, ...threadIds, ...traceIds];
  if (ids.length === 0) return [];
  // Not within a longer word: u-1 is not u-17.
  const names = ids.map(
    (_, at) =>
      `regexp_matches(CAST(data AS VARCHAR), '(^|[^A-Za-z0-9_-])' || regexp_escape($${at + 1}) || '($|[^A-Za-z0-9_-])')`,
  );
  const sql = WRITTEN_BY_PEOPLE.map(
    (kind) => `SELECT DISTINCT '${kind}' AS kind FROM ${kind}_history WHERE ${names.join(" OR ")}`,
  ).join(" UNION ALL ");
  return (await rows(`${sql} ORDER BY kind`, ids)).map(({ kind }) => kind);
}
