import type { JsonObject } from "../../../schema/index.js";
import type { Comparison } from "./comparison.js";
import type { ImportDoor } from "./door.js";
import { listed, paged, textAt } from "./import-run.js";
import type { LangSmithSource } from "./source.js";

/** A type whose things are few: all of them are compared by what somebody said of them. */
export interface OtherType {
  /** As in the import's report. */
  readonly type: string;
  readonly path: string;
  /** Field of the answer that has the list, where the answer is no list itself. */
  readonly field?: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names one on both sides. */
  readonly name: string;
  /** A SELECT of `data` and, as `id`, the id. */
  readonly sql: string;
  /** Without names that an import may have to change, and what a server fills in. */
  readonly compared: readonly string[];
}

/** What is compared beside projects, runs, feedback and datasets. */
export const OTHER_TYPES: readonly OtherType[] = [
  {
    type: "feedback configs",
    path: "/api/v1/feedback-configs",
    name: "feedback_key",
    sql: "SELECT id, data FROM feedback_configs",
    compared: ["feedback_config"],
  },
  {
    type: "prompts",
    path: "/api/v1/repos",
    field: "repos",
    query: { is_public: "false" },
    name: "repo_handle",
    sql: "SELECT id, data FROM prompts",
    compared: ["description", "readme", "tags"],
  },
  {
    type: "annotation queues",
    path: "/api/v1/annotation-queues",
    name: "id",
    sql: "SELECT id, data FROM annotation_queues",
    compared: ["description", "rubric_instructions"],
  },
  {
    type: "online evaluators",
    path: "/api/v1/platform/evaluators",
    field: "evaluators",
    name: "id",
    sql: "SELECT id, data FROM online_evaluators",
    compared: ["name", "type"],
  },
];

/** Compares all things of a type; `hash` is over the compared fields. */
export async function compareOthers(
  { source, door }: { readonly source: LangSmithSource; readonly door: Pick<ImportDoor, "rows"> },
  { path, field, query, name, sql, compared }: OtherType,
  {
    to,
    hash,
  }: { readonly to: Comparison; readonly hash: (data: JsonObject, fields: readonly string[]) => string },
): Promise<void> {
  const pages = field === undefined ? listed(source, path, query) : paged({ source }, path, field, query);
  for await (const page of pages) {
    for (const item of page) to.there(textAt(item, name) ?? "", hash(item, compared));
  }
  for (const { id, data } of await door.rows(sql, [])) {
    const fields = typeof data === "string" ? (JSON.parse(data) as JsonObject) : {};
    const known = name === "id" ? (typeof id === "string" ? id : "") : (textAt(fields, name) ?? "");
    to.here(known, hash(fields, compared));
  }
}
