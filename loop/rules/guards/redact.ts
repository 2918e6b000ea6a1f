import { CounterfoilError, type JsonObject, type JsonValue } from "../../../schema/index.js";
import { sqlString } from "../../../store/index.js";
import type { Rows } from "../../feedback/feedback-query.js";
import { Bindings } from "../../filter/filter-sql.js";
import { textIn } from "../../records/text-in.js";
import type { Sandbox } from "../where.js";

const REPLACEMENT = "[redacted]";

/**
 * A JSON value with every match of the patterns replaced in its texts, names of fields left as they are. Throws
 * CF_RECORD_INVALID for what can't be redacted. DuckDB's RE2
 * does it, in the reader's process: it takes time that grows with the text and no more, whatever the pattern.
 */
export async function redacted(
  rows: Rows,
  patterns: readonly JsonObject[],
  value: JsonValue,
): Promise<JsonValue> {
  const texts: string[] = [];
  mapTexts(value, (text) => {
    // Half a surrogate pair, which texts that were cut have, is nothing that JSON of DuckDB can hold: it becomes U+FFFD.
    texts.push(Buffer.from(text, "utf8").toString("utf8"));
    return text;
  });
  if (patterns.length === 0 || texts.length === 0) return value;
  const bindings = new Bindings();
  const list = bindings.bind(JSON.stringify(texts));
  const replace = patterns.reduce(
    (inner, each) =>
      `regexp_replace(${inner}, ${bindings.bind(textIn(each, "pattern"))}, ${bindings.bind(replacementOf(each))}, 'g')`,
    "text",
  );
  const [row] = await refused(
    rows(
      `SELECT CAST(to_json(list(${replace} ORDER BY place)) AS VARCHAR) AS texts FROM (
  SELECT unnest(texts) AS text, unnest(range(len(texts))) AS place FROM (SELECT from_json(${list}, '["VARCHAR"]') AS texts)
)`,
      bindings.params,
    ),
  );
  const replaced = JSON.parse(textIn(row, "texts")) as readonly string[];
  let at = 0;
  return mapTexts(value, () => {
    const text = replaced[at++];
    // Whatever went wrong then, what was to be redacted must not be stored.
    if (text === undefined)
      throw new CounterfoilError("CF_RECORD_INVALID", "could not be redacted: a text is missing");
    return text;
  });
}

/** What can't be redacted is not stored: an error of the run, which holds up no other. */
async function refused<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.retryable) throw error;
    // Other errors quote what was to be redacted.
    const why = error.code === "CF_QUERY_LIMIT" ? error.message : "DuckDB can't take its texts";
    throw new CounterfoilError("CF_RECORD_INVALID", `could not be redacted: ${why}`, { cause: error });
  }
}

function replacementOf({ replacement }: JsonObject): string {
  return typeof replacement === "string" ? replacement : REPLACEMENT;
}

function mapTexts(value: JsonValue, map: (text: string) => string): JsonValue {
  if (typeof value === "string") return map(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => mapTexts(item, map));
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapTexts(item, map)]));
}

/** A private character that no pattern is about. */
const MARK = "\u{f8ff}";

/** A list of what to replace, and where in the data it stands. */
export interface PatternList {
  readonly path: string;
  readonly patterns: readonly JsonObject[];
}

/** What a rule replaces: its guards in examples, its webhooks and alerts in what they send. */
export function patternsOfRule(data: JsonObject): PatternList[] {
  const actions = (data["actions"] ?? []) as readonly JsonObject[];
  return actions.flatMap((action, index) => {
    const guards = (action["guards"] ?? {}) as JsonObject;
    return [
      {
        path: `actions[${index}].guards.redact`,
        patterns: (guards["redact"] ?? []) as readonly JsonObject[],
      },
      { path: `actions[${index}].redact`, patterns: (action["redact"] ?? []) as readonly JsonObject[] },
    ];
  });
}

/**
 * Throws CF_RECORD_INVALID for a pattern that is no regular expression, and for a replacement that leaves what it should
 * replace: RE2 keeps the text when a replacement names a group that the pattern does not have.
 */
export async function checkPatterns(
  sandbox: Sandbox,
  lists: readonly PatternList[],
  type: string,
): Promise<void> {
  const found = lists.flatMap(({ path, patterns }) =>
    patterns.map((each, at) => {
      const pattern = textIn(each, "pattern");
      // Whether it compiles, and with the mark as another thing to match, whether that goes.
      const compiles = `regexp_matches('', ${sqlString(pattern)})`;
      const stays = `regexp_replace('${MARK}', ${sqlString(`(?:${pattern})|${MARK}`)}, ${sqlString(replacementOf(each))}, 'g') = '${MARK}'`;
      return { path: `${path}[${at}]`, sql: `${compiles} IS NOT NULL AND ${stays}` };
    }),
  );
  if (found.length === 0) return;
  // All at once, as each time is a process: which of them is wrong is asked only when one is.
  const [row] = await sandbox(`SELECT [${found.map(({ sql }) => sql).join(", ")}] AS stay`).catch(() => []);
  const stay = row?.["stay"];
  for (const [at, { path, sql }] of found.entries()) {
    const why = Array.isArray(stay) ? undefined : await problemOf(sandbox, sql);
    if (why !== undefined)
      throw new CounterfoilError("CF_RECORD_INVALID", `Not a valid ${type}: ${path}.pattern: ${why}`);
    if (Array.isArray(stay) && stay[at] === true) {
      const text = `Not a valid ${type}: ${path}.replacement leaves what it should replace, or names a group that the pattern does not have.`;
      throw new CounterfoilError("CF_RECORD_INVALID", text);
    }
  }
}

async function problemOf(sandbox: Sandbox, sql: string): Promise<string | undefined> {
  try {
    await sandbox(`SELECT ${sql} AS stays`);
    return undefined;
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.retryable) throw error;
    return error.message;
  }
}
