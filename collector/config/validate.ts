import type { z } from "zod";
import { issuesOf, type Issue } from "./issues.js";
import type { ParsedText } from "./parse.js";
import { nearest, type ConfigPath, type ConfigProblem } from "./problem.js";
import { COMPONENTS, fileShape, ID_PATTERN, type ComponentKind, type ConfigDocument } from "./schema.js";

/** Result of checking a text against the schema: a document unless there are problems. */
export interface Validated {
  readonly document: ConfigDocument | undefined;
  readonly problems: readonly ConfigProblem[];
}

/** Collects problems with their places. */
export class Problems {
  readonly list: ConfigProblem[];
  readonly #text: ParsedText;

  constructor(text: ParsedText) {
    this.#text = text;
    this.list = [...text.problems];
  }

  add(path: ConfigPath, message: string, key = false): void {
    if (!key && this.#text.unresolved(path)) return;
    this.list.push({ path, message, ...this.#text.locate(path, key) });
  }
}

/** Checks the whole file and finds every problem at once. */
export function validateText(text: ParsedText): Validated {
  const problems = new Problems(text);
  if (typeof text.value !== "object" || text.value === null || Array.isArray(text.value)) {
    if (text.problems.length === 0) {
      problems.add([], "the configuration is empty or no mapping; see docs/configuration.md");
    }
    return { document: undefined, problems: problems.list };
  }
  const file = check(fileShape, text.value, { base: [], text, problems });
  const raw = text.value as Record<string, unknown>;
  const receivers = components("receivers", raw, text, problems);
  const processors = components("processors", raw, text, problems);
  const exporters = components("exporters", raw, text, problems);
  if (file === undefined || problems.list.length > 0) return { document: undefined, problems: problems.list };
  const document = {
    ...file,
    receivers: Object.fromEntries(receivers.map(({ id, settings }) => [id, settings])),
    processors: Object.fromEntries(processors.map(({ id, type, settings }) => [id, { type, settings }])),
    exporters: Object.fromEntries(exporters.map(({ id, type, settings }) => [id, { type, settings }])),
  } as unknown as ConfigDocument;
  return { document, problems: problems.list };
}

interface Component {
  readonly id: string;
  readonly type: string;
  readonly settings: unknown;
}

function components(
  kind: ComponentKind,
  raw: Record<string, unknown>,
  text: ParsedText,
  problems: Problems,
): Component[] {
  const section = raw[kind];
  if (typeof section !== "object" || section === null || Array.isArray(section)) return [];
  const schemas = COMPONENTS[kind] as Readonly<Record<string, z.ZodType>>;
  const known = Object.keys(schemas);
  return Object.entries(section).flatMap(([id, value]) => {
    const path = [kind, id];
    const type = id.split("/", 1)[0] ?? id;
    const schema = Object.hasOwn(schemas, type) ? schemas[type] : undefined;
    if (schema === undefined) {
      const near = nearest(type, known);
      const hint = near === undefined ? `known are ${known.join(", ")}` : `did you mean "${near}"?`;
      problems.add(path, `there is no ${kind.slice(0, -1)} of type "${type}"; ${hint}`, true);
      return [];
    }
    if (!ID_PATTERN.test(id)) {
      problems.add(path, "after the slash, a name has letters, digits, '.', '_' and '-' (at most 64)", true);
      return [];
    }
    if ((type === "otlp" || type === "mirror") && id !== type) {
      problems.add(path, `there is only one ${type}: it takes no name`, true);
      return [];
    }
    const settings = check(schema, value, { base: path, text, problems });
    return settings === undefined ? [] : [{ id, type, settings }];
  });
}

interface CheckPlace {
  readonly base: ConfigPath;
  readonly text: ParsedText;
  readonly problems: Problems;
}

/** Parses a value with a schema; values from the environment may be given as text where a number or boolean is wanted. */
function check<T extends z.ZodType>(schema: T, value: unknown, place: CheckPlace): z.output<T> | undefined {
  const first = schema.safeParse(value);
  if (first.success) return first.data;
  let issues = issuesOf(schema, first.error.issues);
  const coerced = issues.filter((issue) => coerce(value, issue, place));
  if (coerced.length > 0) {
    const second = schema.safeParse(value);
    if (second.success) return second.data;
    issues = issuesOf(schema, second.error.issues);
  }
  for (const issue of issues) place.problems.add([...place.base, ...issue.path], issue.message, issue.key);
  return undefined;
}

function coerce(value: unknown, issue: Issue, place: CheckPlace): boolean {
  const name = issue.path.at(-1);
  if (issue.wants === undefined || name === undefined) return false;
  if (!place.text.substituted([...place.base, ...issue.path])) return false;
  const holder = issue.path
    .slice(0, -1)
    .reduce<unknown>((at, step) => (at as Record<string | number, unknown>)[step], value);
  const record = holder as Record<string | number, unknown>;
  const text = String(record[name]);
  if (issue.wants === "boolean" && (text === "true" || text === "false")) record[name] = text === "true";
  else if (issue.wants === "number" && /^-?\d+(?:\.\d+)?$/.test(text)) record[name] = Number(text);
  else return false;
  return true;
}
