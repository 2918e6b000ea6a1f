import { GENAI_PATH_SEGMENTS_MAX } from "../../limits.js";
import type { Json } from "../json.js";

/** A tree of name segments. Maps, so that neither `__proto__` nor an index of four billion costs anything. */
interface Node {
  value: Json | undefined;
  readonly children: Map<string, Node>;
}

/**
 * Attributes with a common prefix as the value they were flattened from: names split at dots, numbers become lists
 * in the order of the numbers, gaps closed. Where a name has both a value and members, the members win. Independent of
 * the order of the entries.
 */
export function unflatten(entries: readonly (readonly [name: string, value: Json])[]): Json {
  const root: Node = { value: undefined, children: new Map() };
  for (const [name, value] of entries) {
    const segments = name.split(".");
    if (segments.length > GENAI_PATH_SEGMENTS_MAX) continue;
    let node = root;
    for (const segment of segments) {
      let next = node.children.get(segment);
      if (next === undefined) {
        next = { value: undefined, children: new Map() };
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
  if (node.children.size === 0) return node.value ?? null;
  const names = [...node.children.keys()];
  if (names.every((name) => INDEX.test(name))) {
    names.sort((a, b) => Number(a) - Number(b) || (a < b ? -1 : 1));
    return names.map((name) => toJson(node.children.get(name) as Node));
  }
  names.sort();
  return Object.fromEntries(names.map((name) => [name, toJson(node.children.get(name) as Node)]));
}
