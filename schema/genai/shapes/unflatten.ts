import { GENAI_PATH_SEGMENTS_MAX } from "../../limits.js";
import type { Json } from "../json.js";

/** A tree of name segments. Maps, so that neither `__proto__` nor an index of four billion costs anything. */
interface Node {
  value: Json | undefined;
  /** Made with the first child: of a hundred thousand nodes nearly all are leaves. */
  children: Map<string, Node> | undefined;
}

/**
 * Attributes with a common prefix as the value they were flattened from: names split at dots, numbers become lists
 * in the order of the numbers, gaps closed. Where a name has both a value and members, the members win. Independent of
 * the order of the entries.
 */
export function unflatten(entries: readonly (readonly [name: string, value: Json])[]): Json {
  const root: Node = { value: undefined, children: undefined };
  for (const [name, value] of entries) {
    const segments = name.split(".");
    if (segments.length > GENAI_PATH_SEGMENTS_MAX) continue;
    let node = root;
    for (const segment of segments) {
      node.children ??= new Map<string, Node>();
      let next = node.children.get(segment);
      if (next === undefined) {
        next = { value: undefined, children: undefined };
        node.children.set(segment, next);
      }
      node = next;
    }
    node.value = value;
  }
  return toJson(root);
}

const INDEX = /^\d{1,10}$/;

function toJson(node: Node): Json {
  const { children } = node;
  if (children === undefined) return node.value ?? null;
  const entries = [...children];
  if (entries.every(([name]) => INDEX.test(name))) {
    return entries.sort(byNumber).map(([, child]) => toJson(child));
  }
  if (entries.length > 1) entries.sort(byName);
  return Object.fromEntries(entries.map(([name, child]) => [name, toJson(child)]));
}

function byNumber([a]: readonly [string, Node], [b]: readonly [string, Node]): number {
  return Number(a) - Number(b) || (a < b ? -1 : 1);
}

function byName([a]: readonly [string, Node], [b]: readonly [string, Node]): number {
  return a < b ? -1 : 1;
}
