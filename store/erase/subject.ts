import { DIALECTS } from "../../schema/index.js";
import { sqlString } from "../views/sql-text.js";

/** Whose data is to go. At least one of the lists has something in it. */
export interface Subject {
  readonly userIds: readonly string[];
  /** 32 lower-case hex digits each. */
  readonly traceIds: readonly string[];
  readonly threadIds: readonly string[];
}

/** Attributes that name a user, in any dialect. */
const USER_ATTRIBUTES: readonly string[] = [
  ...new Set(
    DIALECTS.flatMap(({ columns }) => columns["user_id"] ?? []).map((rule) =>
      typeof rule === "string" ? rule : rule.from,
    ),
  ),
];

/** Members of records and of JSON in attributes that name a user, and those that name a thread. */
const USER_MEMBERS = ["user_id", "userId", "user.id", "enduser.id", "end_user_id"] as const;
const THREAD_MEMBERS = ["thread_id", "conversation_id"] as const;

/** An id of a trace or a run in a text: 32 hex digits, or the same as a UUID. */
const LONG_ID = "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}";

const list = (values: readonly string[]): string => `[${values.map(sqlString).join(", ")}]::VARCHAR[]`;

/** Whether a column is one of these values. */
export function isOneOf(column: string, values: readonly string[]): string {
  return values.length === 0 ? "false" : `coalesce(list_contains(${list(values)}, ${column}), false)`;
}

/** Whether the attributes of a row (a MAP) name one of these users. */
export function attributesName(column: string, userIds: readonly string[]): string {
  if (userIds.length === 0) return "false";
  const names = USER_ATTRIBUTES.map((name) => isOneOf(`${column}[${sqlString(name)}]`, userIds));
  return `(${names.join(" OR ")})`;
}

/** Whether a text of compact JSON has a member that names one of these users or threads. */
export function jsonNames(column: string, { userIds, threadIds }: Subject): string {
  const members = [
    ...userIds.flatMap((id) => USER_MEMBERS.map((name) => [name, id] as const)),
    ...threadIds.flatMap((id) => THREAD_MEMBERS.map((name) => [name, id] as const)),
  ];
  const found = members.map(
    ([name, id]) => `contains(${column}, ${sqlString(`${JSON.stringify(name)}:${JSON.stringify(id)}`)})`,
  );
  return found.length === 0 ? "false" : `coalesce(${found.join(" OR ")}, false)`;
}

/** The ids of traces and runs in a text, as 32 lower-case hex digits each. */
export function idsIn(column: string): string {
  return `list_transform(regexp_extract_all(coalesce(${column}, ''), ${sqlString(LONG_ID)}), lambda x: replace(lower(x), '-', ''))`;
}

/** The same in JavaScript, for lines of files. */
export function longIdsOf(text: string): string[] {
  return (text.match(new RegExp(LONG_ID, "g")) ?? []).map((id) => id.replaceAll("-", "").toLowerCase());
}

/** Whether a text has a JSON string that is one of these ids. */
export function quotes(text: string, ids: readonly string[]): boolean {
  return ids.some((id) => text.includes(JSON.stringify(id)));
}
