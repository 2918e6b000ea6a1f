import type { Rule } from "./types.js";

const PLUS = " + ";

/** A rule's source as provenance and the page of dialects write it: the sum of two is `a + b`. */
export function sourceText(from: string, plus: string | undefined): string {
  return plus === undefined ? from : `${from}${PLUS}${plus}`;
}

/** The attributes (`a.b`, `a.b.*`) or events (`@a.b`) that a source as text reads. */
export function attributesOfSource(source: string): string[] {
  return source.split(PLUS).map((part) => part.split("#")[0] ?? part);
}

/** The attributes or events that a rule reads. */
export function attributesOfRule(rule: string | Rule): string[] {
  return typeof rule === "string"
    ? attributesOfSource(rule)
    : attributesOfSource(sourceText(rule.from, rule.plus));
}
