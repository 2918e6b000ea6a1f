import type { Field, JsonObject } from "./types.js";

const NAME_LENGTH_MAX = 1_000;
const PATTERN_LENGTH_MAX = 2_000;

/** One thing to replace in texts. */
export const REDACT_FIELDS: readonly Field[] = [
  {
    name: "pattern",
    kind: "text",
    required: true,
    lengthMax: PATTERN_LENGTH_MAX,
    doc: "Regular expression (RE2).",
  },
  {
    name: "replacement",
    kind: "text",
    lengthMax: NAME_LENGTH_MAX,
    doc: "`[redacted]` by default. `\\1` stands for the first group.",
  },
];

/** What is wrong with a list of {@link REDACT_FIELDS}: in replacements of RE2 a backslash stands before the number of a group, or another backslash. */
export function patternsProblem(name: string, patterns: readonly JsonObject[]): string | undefined {
  const at = patterns.findIndex(
    ({ replacement }) => typeof replacement === "string" && !/^(?:[^\\]|\\[0-9\\])*$/.test(replacement),
  );
  if (at < 0) return undefined;
  return `has a ${name}[${at}].replacement with a backslash before something else than a digit or a backslash`;
}
