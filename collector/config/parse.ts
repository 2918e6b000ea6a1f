import {
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Scalar,
  type YAMLParseError,
} from "yaml";
import { CONFIG_ALIASES_MAX, CONFIG_BYTES_MAX, errorMessage } from "../../schema/index.js";
import type { ConfigPath, ConfigProblem } from "./problem.js";

/** Environment variables to substitute. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A configuration text read, its variables put in, not yet validated. */
export interface ParsedText {
  readonly value: unknown;
  readonly problems: ConfigProblem[];
  /** Position of the value at a path, or of its nearest parent; with `key`, of the key that is named last. */
  locate(path: ConfigPath, key?: boolean): { line: number; column: number } | undefined;
  /** Whether the value at a path could not be made: its problem is told already. */
  unresolved(path: ConfigPath): boolean;
  /** Whether the value at a path came from an environment variable, so that "4318" may mean a number. */
  substituted(path: ConfigPath): boolean;
}

/** Parses YAML (JSON is YAML) and replaces `${env:NAME}`, `${env:NAME:-default}` and `$$`. Never throws. */
export function parseConfigText(text: string, env: Environment): ParsedText {
  if (Buffer.byteLength(text) > CONFIG_BYTES_MAX) {
    const message = `the file is larger than ${CONFIG_BYTES_MAX} bytes`;
    return unreadable({ path: [], message, line: 1, column: 1 });
  }
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: "error",
  });
  // What follows a first mistake in the YAML is mostly its echo, and a schema would only add to the noise.
  const broken = document.errors.find((error) => error.code !== "DUPLICATE_KEY");
  const problems: ConfigProblem[] = (broken === undefined ? document.errors : [broken]).map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { path: [], message: syntaxMessage(error, text), line, column: col };
  });
  if (broken !== undefined) return unreadable(...problems);
  const substituted = new Set<Scalar>();
  const unresolved = new Set<Scalar>();
  visit(document, {
    Scalar(position, node) {
      if (position === "key" || typeof node.value !== "string" || !node.value.includes("$")) return;
      const replaced = substitute(node.value, env);
      for (const message of replaced.errors) {
        const { line, col } = lines.linePos(node.range?.[0] ?? 0);
        problems.push({ path: [], message, line, column: col });
      }
      if (replaced.errors.length > 0) unresolved.add(node);
      node.value = replaced.text;
      if (replaced.changed) substituted.add(node);
    },
  });
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: CONFIG_ALIASES_MAX });
  } catch (error) {
    problems.push({ path: [], message: `it can't be expanded: ${errorMessage(error)}`, line: 1, column: 1 });
  }
  return {
    value,
    problems,
    locate: (path, key = false) => locate(document, lines, path, key),
    unresolved: (path) => has(unresolved, document, path),
    substituted: (path) => has(substituted, document, path),
  };
}

function syntaxMessage(error: YAMLParseError, text: string): string {
  if (error.code === "DUPLICATE_KEY") {
    return `the key ${/^[^\s:]*/.exec(text.slice(error.pos[0]))?.[0] ?? ""} is here twice`;
  }
  const lineStart = text.lastIndexOf("\n", error.pos[0] - 1) + 1;
  const unquoted = text.slice(lineStart, error.pos[0] + 1).includes("${");
  return unquoted ? `${error.message}; inside { } and [ ], put \${env:...} in quotes` : error.message;
}

function has(scalars: ReadonlySet<Scalar>, document: Document, path: ConfigPath): boolean {
  const node: unknown = document.getIn([...path], true);
  return isScalar(node) && scalars.has(node);
}

function unreadable(...problems: ConfigProblem[]): ParsedText {
  return {
    value: undefined,
    problems,
    locate: () => undefined,
    substituted: () => false,
    unresolved: () => false,
  };
}

function substitute(text: string, env: Environment): { text: string; changed: boolean; errors: string[] } {
  const errors: string[] = [];
  let changed = false;
  const replaced = text.replace(/\$\$|\$\{([^}]*)\}/g, (whole, inside: string | undefined) => {
    if (inside === undefined) return "$";
    changed = true;
    const match = /^env:([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inside);
    if (match === null) {
      errors.push(
        `${whole} is not understood: write \${env:NAME} or \${env:NAME:-default}, and $$ for a dollar sign`,
      );
      return whole;
    }
    const [, name = "", fallback] = match;
    const value = env[name];
    if (value !== undefined && (value !== "" || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    errors.push(`the environment variable ${name} is not set; set it, or write \${env:${name}:-default}`);
    return "";
  });
  return { text: replaced, changed, errors };
}

function locate(
  document: Document,
  lines: LineCounter,
  path: ConfigPath,
  key: boolean,
): { line: number; column: number } | undefined {
  if (key) {
    const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    const name = path.at(-1);
    const pair = isMap(parent)
      ? parent.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === name)
      : undefined;
    if (pair !== undefined && isScalar(pair.key)) return position(lines, pair.key.range?.[0]);
  }
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return position(lines, node.range[0]);
  }
  return position(lines, document.contents?.range?.[0] ?? 0);
}

function position(
  lines: LineCounter,
  offset: number | undefined,
): { line: number; column: number } | undefined {
  if (offset === undefined) return undefined;
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
