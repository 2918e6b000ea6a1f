import { DIALECTS } from "../../schema/index.js";

/** The first source of each column in the conventions' own table: what it fills is not worth a word. */
const DEFAULTS: ReadonlyMap<string, string> = new Map(
  Object.entries(DIALECTS.find(({ name }) => name === "otel_genai")?.columns ?? {}).map(([column, rules]) => {
    const [first] = rules;
    return [column, typeof first === "string" ? first : (first?.from ?? "")] as const;
  }),
);

/** Whether a column's source is the one that the conventions name for it today. */
export function isDefaultSource(column: string, source: string): boolean {
  return DEFAULTS.get(column) === source;
}

/** The text of the column `provenance`; undefined when nothing is worth telling. */
export function provenanceText(
  entries: readonly (readonly [column: string, source: string])[],
): string | undefined {
  return entries.length === 0 ? undefined : JSON.stringify(Object.fromEntries(entries));
}
