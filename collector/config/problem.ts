/** Where in a configuration: keys and list positions from the top. */
export type ConfigPath = readonly (string | number)[];

/** One thing wrong (or doubtful) in a configuration. */
export interface ConfigProblem {
  readonly path: ConfigPath;
  readonly message: string;
  /** From 1. Absent when the configuration did not come from a text. */
  readonly line?: number;
  readonly column?: number;
}

/** `file:line:column: path: message`, one line each, in the order of the file. */
export function formatProblems(file: string, problems: readonly ConfigProblem[]): string {
  const ordered = [...problems].sort(
    (a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
  return ordered.map((problem) => formatProblem(file, problem)).join("\n");
}

function formatProblem(file: string, problem: ConfigProblem): string {
  const at = problem.line === undefined ? file : `${file}:${problem.line}:${problem.column ?? 1}`;
  const path = formatPath(problem.path);
  return path === "" ? `${at}: ${problem.message}` : `${at}: ${path}: ${problem.message}`;
}

/** `exporters.langsmith/eu.projects[0].match`. */
export function formatPath(path: ConfigPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}

/** The nearest of `known` to a mistyped name, or undefined when none is close. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Damerau-Levenshtein distance (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    rows.push(line);
    for (let column = 1; column <= b.length; column++) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let value = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1, at(row - 1, column - 1) + cost);
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (swapped) value = Math.min(value, at(row - 2, column - 2) + 1);
      line.push(value);
    }
  }
  return at(a.length, b.length);
}
