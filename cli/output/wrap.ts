import { displayWidth, fit, inertLines } from "./text.js";

/** A text as lines of at most `cells` cells, inert, broken at spaces where there are any. */
export function wrap(text: string, cells: number): string[] {
  return inertLines(text)
    .split("\n")
    .flatMap((line) => wrapLine(line, Math.max(2, cells)));
}

function wrapLine(line: string, cells: number): string[] {
  const lines: string[] = [];
  let rest = line;
  while (displayWidth(rest) > cells) {
    // `fit` ends in an ellipsis, for which it leaves a cell.
    const most = fit(rest, cells + 1).length - 1;
    const space = rest.lastIndexOf(" ", most);
    const end = space > 0 ? space : Math.max(1, most);
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).replace(/^ /, "");
  }
  return [...lines, rest];
}
