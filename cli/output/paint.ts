import { styleText } from "node:util";

/** Styles that the commands use; each is the plain text when colours are off. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly accent: (text: string) => string;
}

type Style = "bold" | "dim" | "green" | "yellow" | "red" | "cyan";

/** Colours by https://no-color.org and FORCE_COLOR; otherwise only on a terminal that is not `dumb`. */
export function wantsColor(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  const force = env["FORCE_COLOR"];
  if (force !== undefined) return force !== "0" && force !== "false";
  return stream.isTTY === true && env["TERM"] !== "dumb";
}

/** The styles, switched on or off. Text must be inert before it is painted. */
export function createPaint(color: boolean): Paint {
  const style = (name: Style) => (text: string) =>
    color && text !== "" ? styleText(name, text, { validateStream: false }) : text;
  return {
    bold: style("bold"),
    dim: style("dim"),
    good: style("green"),
    warn: style("yellow"),
    bad: style("red"),
    accent: style("cyan"),
  };
}
