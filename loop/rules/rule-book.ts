import type { JsonObject } from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { Rule } from "./rule-types.js";
import { textIn } from "../records/text-in.js";

/** A rule that was deleted and made again begins anew. */
const RULES_SQL = `WITH gone AS (SELECT id, max(seq) AS seq FROM rules_history WHERE op = 'delete' GROUP BY id)
SELECT r.id, r.data, min(h.seq) AS since
FROM rules AS r JOIN rules_history AS h ON h.id = r.id AND h.op = 'put' LEFT JOIN gone AS g ON g.id = r.id
WHERE g.seq IS NULL OR h.seq > g.seq GROUP BY r.id, r.data ORDER BY r.id`;

/** Every rule, current state. */
export async function readRules(rows: Rows): Promise<Rule[]> {
  const rules = (await rows(RULES_SQL, [])).map(ruleOf);
  return rules.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function ruleOf(row: ReaderRow): Rule {
  const data = JSON.parse(textIn(row, "data")) as JsonObject;
  return {
    id: textIn(row, "id"),
    name: textIn(data, "name"),
    enabled: data["enabled"] !== false,
    version: Number(data["version"] ?? 1),
    data,
    sinceSeq: Number(row["since"]),
  };
}
