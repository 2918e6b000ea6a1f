/** Characters of a piece of text. */
const PIECE_CHARS = 5;
/** Minima of a signature: the estimate of a similarity of 0.8 is off by 0.05 (standard deviation). */
const HASHES = 64;

/** An odd number and a mask each make one hash function of 32 bits. */
const SEEDS = Uint32Array.from({ length: HASHES }, (_, at) => Math.imul(at + 1, 0x9e3779b1) >>> 0);

/** All texts of a JSON value in the order of their keys, one a line, alike for what Unicode and people call the same. */
export function textOf(value: unknown): string {
  const texts: string[] = [];
  collect(value, texts);
  return texts.join("\n").normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();
}

function collect(value: unknown, texts: string[]): void {
  if (typeof value !== "object" || value === null) texts.push(String(value));
  else if (Array.isArray(value)) for (const item of value as readonly unknown[]) collect(item, texts);
  else {
    const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
    for (const [, item] of entries) collect(item, texts);
  }
}

/** Pieces of 5 characters of a text's letters and digits; of one that has none, of all. */
export function piecesOf(text: string): Set<string> {
  const words = text.replaceAll(/[^\p{L}\p{N}]+/gu, " ").trim();
  const chars = Array.from(words === "" ? text : words);
  const pieces = new Set<string>();
  for (let at = 0; at + PIECE_CHARS <= chars.length; at++)
    pieces.add(chars.slice(at, at + PIECE_CHARS).join(""));
  if (pieces.size === 0) pieces.add(chars.join(""));
  return pieces;
}

/** Jaccard similarity of two sets: the share of what both have in what either has, 0 to 1. */
export function jaccard(left: ReadonlySet<string>, right: ReadonlySet<string>): number {
  let common = 0;
  for (const each of left) if (right.has(each)) common += 1;
  const either = left.size + right.size - common;
  return either === 0 ? 1 : common / either;
}

/**
 * MinHash signature of a set (Broder 1997): for each of 64 hash functions the least hash of all members. The share of equal
 * places in two signatures estimates the Jaccard similarity of the sets.
 */
export function minHash(pieces: Iterable<string>): Uint32Array {
  const signature = new Uint32Array(HASHES).fill(0xffffffff);
  for (const piece of pieces) {
    const base = fnv1a(piece);
    for (let at = 0; at < HASHES; at++) {
      const hash = mixed(base ^ (SEEDS[at] ?? 0));
      if (hash < (signature[at] ?? 0)) signature[at] = hash;
    }
  }
  return signature;
}

/** Estimated Jaccard similarity of the sets of two signatures, 0 to 1. */
export function similarityOf(left: Uint32Array, right: Uint32Array): number {
  let equal = 0;
  for (let at = 0; at < HASHES; at++) if (left[at] === right[at]) equal += 1;
  return equal / HASHES;
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash;
}

/** The finalizer of MurmurHash3: each bit of the input changes half of the bits of the output. */
function mixed(value: number): number {
  let hash = value ^ (value >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
