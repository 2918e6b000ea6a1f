import { CounterfoilError, RULE_SET_VERSION, SPAN_RULES } from "../../schema/index.js";

/**
 * The codes of `attribute_layout`, part of the open format. One code per attribute, in the order sent:
 *
 * - a lowercase letter (a {@link ValueCode}): the attribute is the next entry of `attributes`, of that type;
 * - a capital and a letter or digit: the attribute is held by a column. The pair is a number in base 62 that counts
 *   the (column, source) pairs of the row's rule set in table order, and so names both the column and the key.
 *   Its type is the column's own (VARCHAR string, BIGINT int, DOUBLE double) unless `.` and a type letter follow.
 */
export type ValueCode = "s" | "i" | "d" | "b" | "a" | "m" | "x" | "n" | "v";

/** Types in the order of the AnyValue fields; `n` is the empty value, `v` an attribute without a value. */
export const VALUE_CODES: readonly ValueCode[] = ["n", "s", "b", "i", "d", "a", "m", "x", "v"];

/** One (column, source) pair. */
export interface Lift {
  readonly column: string;
  readonly key: string;
  /** The type that needs no suffix. */
  readonly natural: ValueCode;
}

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const NATURAL: Readonly<Record<string, ValueCode>> = { int: "i", double: "d" };

const LIFTS: readonly Lift[] = SPAN_RULES.flatMap((rule) =>
  rule.sources.map((key) => ({ column: rule.column, key, natural: NATURAL[rule.shape] ?? "s" })),
);

/** The pairs of a rule set version, by code number. Throws when this build does not know the version. */
export function liftsOf(ruleSetVersion: number): readonly Lift[] {
  // The table only grows at its end, so the numbers of every earlier version mean the same in it.
  if (ruleSetVersion >= 1 && ruleSetVersion <= RULE_SET_VERSION) return LIFTS;
  throw new CounterfoilError(
    "CF_NOT_FOUND",
    `rows were written with rule set version ${ruleSetVersion}, and this build knows ${RULE_SET_VERSION}; read them with the version of counterfoil that wrote them, or a newer one`,
  );
}

/** The two characters of a pair's number, 0 to 1611. */
export function liftCode(index: number): string {
  const high = Math.floor(index / 62);
  if (high >= 26) throw new Error("the rule set has more sources than attribute_layout can number");
  return String.fromCharCode(65 + high) + (BASE62[index % 62] ?? "");
}

/** One attribute's place, as `attribute_layout` tells it. */
export interface LayoutItem {
  readonly code: ValueCode;
  /** Absent when the attribute is in the MAP. */
  readonly lift?: Lift;
}

/** Reads an `attribute_layout`. */
export function parseLayout(layout: string, ruleSetVersion: number): LayoutItem[] {
  const items: LayoutItem[] = [];
  for (let i = 0; i < layout.length; i++) {
    const char = layout.charAt(i);
    if (char >= "a" && char <= "z") {
      items.push({ code: valueCode(char) });
      continue;
    }
    const number = (layout.charCodeAt(i) - 65) * 62 + BASE62.indexOf(layout.charAt(++i));
    const lift = liftsOf(ruleSetVersion)[number];
    if (lift === undefined) throw unknownCode(layout.slice(i - 1, i + 1));
    if (layout.charAt(i + 1) !== ".") items.push({ code: lift.natural, lift });
    else {
      items.push({ code: valueCode(layout.charAt(i + 2)), lift });
      i += 2;
    }
  }
  return items;
}

function valueCode(char: string): ValueCode {
  const code = VALUE_CODES.find((known) => known === char);
  if (code === undefined) throw unknownCode(char);
  return code;
}

function unknownCode(code: string): CounterfoilError {
  return new CounterfoilError(
    "CF_CATALOG_CORRUPT",
    `attribute_layout has the code "${code}", which this format version does not define; the row was written by another version or is damaged`,
  );
}
