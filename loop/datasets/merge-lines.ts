import { exampleHash, type JsonObject, type JsonValue } from "../../schema/index.js";

/** An example of a line; null when it was deleted there. */
export interface LineExample {
  readonly id: string;
  readonly data: JsonObject | null;
}

/** What the two lines last had in common of an example: hashes of its content, null for not there. */
export interface CommonState {
  readonly ours: string | null;
  readonly theirs: string | null;
  /** The content, where it is known: then each part of it can be merged by itself. */
  readonly data?: JsonObject;
}

/** The same example in the two lines. */
export interface Pair {
  readonly ours: LineExample | undefined;
  readonly theirs: LineExample | undefined;
  readonly base: CommonState;
}

/** Parts of an example that are merged by themselves. What comes out belongs to what goes in. */
export type ExamplePart = "inputs and outputs" | "metadata" | "attachments";

const PARTS: Readonly<Record<ExamplePart, readonly string[]>> = {
  "inputs and outputs": ["inputs", "outputs"],
  metadata: ["metadata"],
  attachments: ["attachments"],
};
const PART_NAMES = Object.keys(PARTS) as ExamplePart[];

/** What becomes of a pair in our line: stays as it is, is put, is deleted, or both sides changed the same. */
export type Merged =
  | { readonly kind: "keep" }
  | { readonly kind: "put"; readonly data: JsonObject }
  | { readonly kind: "delete" }
  | { readonly kind: "conflict"; readonly parts: readonly ExamplePart[] };

/** Whose state an example gets when both changed it. */
export type Choice = "ours" | "theirs";

/** Merges one example: what only one side changed is taken from it. */
export function mergePair(pair: Pair, choice?: Choice): Merged {
  const { base } = pair;
  const [ours, theirs] = [pair.ours?.data ?? null, pair.theirs?.data ?? null];
  const [oursHash, theirsHash] = [hashOf(ours), hashOf(theirs)];
  if (oursHash === theirsHash || theirsHash === base.theirs) return { kind: "keep" };
  if (oursHash === base.ours) return taken(theirs);
  if (choice === "theirs") return taken(theirs);
  if (choice === "ours") return { kind: "keep" };
  if (ours === null || theirs === null || base.data === undefined) {
    return { kind: "conflict", parts: ours === null || theirs === null ? [] : differing(ours, theirs) };
  }
  return mergeParts(ours, theirs, base.data);
}

function mergeParts(ours: JsonObject, theirs: JsonObject, base: JsonObject): Merged {
  const parts: ExamplePart[] = [];
  let data = ours;
  for (const part of differing(ours, theirs)) {
    if (isSame(part, theirs, base)) continue;
    if (isSame(part, ours, base)) data = withPart(part, data, theirs);
    else parts.push(part);
  }
  return parts.length > 0 ? { kind: "conflict", parts } : { kind: "put", data };
}

function differing(left: JsonObject, right: JsonObject): ExamplePart[] {
  return PART_NAMES.filter((part) => !isSame(part, left, right));
}

/** As {@link exampleHash} sees it, of that part alone. */
function isSame(part: ExamplePart, left: JsonObject, right: JsonObject): boolean {
  return exampleHash(withPart(part, {}, left)) === exampleHash(withPart(part, {}, right));
}

function withPart(part: ExamplePart, data: JsonObject, from: JsonObject): JsonObject {
  const names = PARTS[part];
  const rest = Object.entries(data).filter(([name]) => !names.includes(name));
  const given = names.flatMap((name): [string, JsonValue][] => {
    const value = from[name];
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries([...rest, ...given]);
}

function taken(theirs: JsonObject | null): Merged {
  return theirs === null ? { kind: "delete" } : { kind: "put", data: theirs };
}

function hashOf(data: JsonObject | null): string | null {
  return data === null ? null : exampleHash(data);
}

/** What two lines are told apart by. */
export interface Lines {
  /** Ids and data of the examples of each line, at the version that both have in common and now. */
  readonly base: {
    readonly ours: ReadonlyMap<string, JsonObject>;
    readonly theirs: ReadonlyMap<string, JsonObject>;
  };
  readonly ours: ReadonlyMap<string, JsonObject>;
  readonly theirs: ReadonlyMap<string, JsonObject>;
  /** Pairs that a merge before left, by the id of ours. They know better than the common version. */
  readonly merged: ReadonlyMap<string, { readonly theirs: string; readonly base: CommonState }>;
}

/**
 * Which examples of two lines are the same one: those that a merge before paired, then those with the same content in the
 * version that both have in common, then those that both added with the same content. The others are of one line only.
 */
export function pairLines({ base, merged, ours, theirs }: Lines): Pair[] {
  const pairs: Pair[] = [];
  const [pairedOurs, pairedTheirs] = [new Set<string>(), new Set<string>()];
  const add = (oursId: string | undefined, theirsId: string | undefined, common: CommonState): void => {
    if (oursId !== undefined) pairedOurs.add(oursId);
    if (theirsId !== undefined) pairedTheirs.add(theirsId);
    pairs.push({ ours: exampleOf(oursId, ours), theirs: exampleOf(theirsId, theirs), base: common });
  };
  for (const [id, { theirs: other, base: common }] of merged) add(id, other, common);
  for (const { left, right, data } of sameContent(
    without(base.ours, pairedOurs),
    without(base.theirs, pairedTheirs),
  )) {
    const hash = exampleHash(data);
    add(left, right, { ours: hash, theirs: hash, data });
  }
  for (const { left, right } of sameContent(without(ours, pairedOurs), without(theirs, pairedTheirs))) {
    add(left, right, { ours: null, theirs: null });
  }
  for (const id of theirs.keys()) if (!pairedTheirs.has(id)) add(undefined, id, { ours: null, theirs: null });
  return pairs;
}

function exampleOf(id: string | undefined, line: ReadonlyMap<string, JsonObject>): LineExample | undefined {
  return id === undefined ? undefined : { id, data: line.get(id) ?? null };
}

function without(
  line: ReadonlyMap<string, JsonObject>,
  ids: ReadonlySet<string>,
): ReadonlyMap<string, JsonObject> {
  return new Map([...line].filter(([id]) => !ids.has(id)));
}

/** Examples of equal content, one with one. Of several with the same, those with the same place by their ids. */
function sameContent(
  left: ReadonlyMap<string, JsonObject>,
  right: ReadonlyMap<string, JsonObject>,
): { readonly left: string; readonly right: string; readonly data: JsonObject }[] {
  const byHash = new Map<string, string[]>();
  for (const id of [...right.keys()].sort()) {
    const hash = exampleHash(right.get(id) ?? {});
    const list = byHash.get(hash);
    if (list === undefined) byHash.set(hash, [id]);
    else list.push(id);
  }
  return [...left.keys()].sort().flatMap((id) => {
    const data = left.get(id) ?? {};
    const list = byHash.get(exampleHash(data)) ?? [];
    // The same id in both is the same example, whatever others have its content.
    const other = list.includes(id) ? id : list[0];
    if (other === undefined) return [];
    list.splice(list.indexOf(other), 1);
    return [{ left: id, right: other, data }];
  });
}
