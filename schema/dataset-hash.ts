import { createHash } from "node:crypto";
import { canonicalJson } from "./canonical-json.js";
import type { JsonObject } from "./records/types.js";

/** First byte of what is hashed: a leaf can't be taken for a node (RFC 6962). */
const LEAF = Buffer.of(0);
const NODE = Buffer.of(1);

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
        sha256: sha256(bytes).toString("hex"),
      };
    })
    .sort((left, right) => ((left.name ?? "") < (right.name ?? "") ? -1 : 1));
  const content: JsonObject = {
    inputs: data["inputs"] ?? null,
    outputs: data["outputs"] ?? null,
    metadata: data["metadata"] ?? {},
    attachments,
  };
  return sha256(LEAF, Buffer.from(canonicalJson(content), "utf8")).toString("hex");
}

/**
 * The content of a dataset's version as 64 hex digits: the Merkle tree root (RFC 6962) over the sorted hashes of its
 * examples. The order in which they were added does not matter; an example that is there twice counts twice.
 */
export function versionHash(exampleHashes: Iterable<string>): string {
  const leaves = [...exampleHashes].sort().map((hash) => Buffer.from(hash, "hex"));
  if (leaves.length === 0) return sha256().toString("hex");
  // Level by level: a node without a neighbour goes up as it is, which is the tree of the RFC.
  let level: Buffer[] = leaves;
  while (level.length > 1) {
    const above: Buffer[] = [];
    for (let at = 0; at < level.length; at += 2) {
      const left = level[at] as Buffer;
      const right = level[at + 1];
      above.push(right === undefined ? left : sha256(NODE, left, right));
    }
    level = above;
  }
  return (level[0] as Buffer).toString("hex");
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
