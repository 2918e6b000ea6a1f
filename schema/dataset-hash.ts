import { hash } from "node:crypto";
import { canonicalJson } from "./canonical-json.js";
import type { JsonObject } from "./records/types.js";

/** First byte of what is hashed: a leaf can't be taken for a node (RFC 6962). */
const LEAF = "\0";
const NODE = 1;
const HASH_BYTES = 32;

/**
 * The content of an example as 64 hex digits: SHA-256 of a zero byte and the canonical JSON (RFC 8785) of its inputs, outputs,
 * metadata and attachments (name, media type, SHA-256 of the bytes). Ids, times and provenance are no content: the same
 * example has the same hash in every dataset, on every machine. What is absent counts as null, metadata as `{}`.
 */
export function exampleHash(data: JsonObject): string {
  const files = (data["attachments"] ?? []) as readonly JsonObject[];
  const attachments = files
    .map(({ name, mime_type, content }) => {
      const bytes = Buffer.from(typeof content === "string" ? content : "", "base64");
      return {
        name: typeof name === "string" ? name : null,
        mime_type: mime_type ?? null,
        sha256: hash("sha256", bytes, "hex"),
      };
    })
    .sort((left, right) => ((left.name ?? "") < (right.name ?? "") ? -1 : 1));
  const content: JsonObject = {
    inputs: data["inputs"] ?? null,
    outputs: data["outputs"] ?? null,
    metadata: data["metadata"] ?? {},
    attachments,
  };
  return hash("sha256", LEAF + canonicalJson(content), "hex");
}

/**
 * The content of a dataset's version as 64 hex digits: the Merkle tree root (RFC 6962) over the sorted hashes of its
 * examples. The order in which they were added does not matter; an example that is there twice counts twice.
 */
export function versionHash(exampleHashes: Iterable<string>): string {
  const leaves = [...exampleHashes].sort();
  if (leaves.length === 0) return hash("sha256", "", "hex");
  // Level by level in place: a node without a neighbour goes up as it is, which is the tree of the RFC.
  const level = Buffer.alloc(leaves.length * HASH_BYTES);
  for (const [at, leaf] of leaves.entries()) level.write(leaf, at * HASH_BYTES, "hex");
  const pair = Buffer.alloc(1 + 2 * HASH_BYTES, NODE);
  for (let count = leaves.length; count > 1; count = Math.ceil(count / 2)) {
    for (let at = 0; at < count; at += 2) {
      const [from, to] = [at * HASH_BYTES, (at / 2) * HASH_BYTES];
      if (at + 1 === count) {
        level.copy(level, to, from, from + HASH_BYTES);
        continue;
      }
      level.copy(pair, 1, from, from + 2 * HASH_BYTES);
      level.write(hash("sha256", pair, "hex"), to, "hex");
    }
  }
  return level.toString("hex", 0, HASH_BYTES);
}
