import { atPath, firstMember, isObject, type Json, type JsonObject, member, parsedIfJson } from "../json.js";

/**
 * Documents that a retrieval found, in any framework's shape, as `{id?, score?, content?, metadata?, ...}`. A list of
 * documents, `{documents: [...]}`, or the texts themselves. Undefined when the value holds none.
 */
export function toDocuments(value: Json | undefined): Json[] | undefined {
  const parsed = typeof value === "string" ? parsedIfJson(value) : value;
  if (Array.isArray(parsed)) return parsed.flat(1).map(toDocument);
  const held = firstMember(parsed, "documents", "results", "matches", "nodes", "context", "output");
  if (Array.isArray(held)) return held.flat(1).map(toDocument);
  return isObject(parsed) && looksLikeDocument(parsed) ? [toDocument(parsed)] : undefined;
}

function looksLikeDocument(value: JsonObject): boolean {
  return firstMember(value, "page_content", "pageContent", "kwargs") !== undefined;
}

function toDocument(item: Json): Json {
  if (typeof item === "string") return { content: item };
  // A serialised LangChain document has its fields in kwargs; LlamaIndex puts them under `node`; scores come as pairs.
  const inner = firstMember(item, "kwargs", "node", "document") ?? item;
  if (!isObject(inner)) return item;
  const metadata = firstMember(inner, "metadata", "meta", "extra_info");
  const content = firstMember(inner, "page_content", "pageContent", "content", "text", "document");
  const id = firstMember(inner, "id", "id_", "doc_id") ?? firstMember(metadata, "id");
  const score = firstMember(item, "score") ?? firstMember(inner, "score") ?? atPath(metadata, ["score"]);
  // Not a score: the nearest document has the smallest.
  const distance = firstMember(item, "distance");
  if (content === undefined && id === undefined) return item;
  return {
    ...(id === undefined ? {} : { id }),
    ...(score === undefined ? {} : { score }),
    ...(distance === undefined ? {} : { distance }),
    ...(content === undefined ? {} : { content }),
    ...(metadata === undefined
      ? {}
      : { metadata: typeof metadata === "string" ? parsedIfJson(metadata) : metadata }),
  };
}

/** Documents of Traceloop's `db.query.result` events. */
export function eventDocuments(events: readonly JsonObject[]): Json[] {
  return events.map((event) => {
    const field = (name: string): Json | undefined => member(event, `db.query.result.${name}`);
    const metadata = field("metadata");
    const entries: [string, Json | undefined][] = [
      ["id", field("id")],
      ["score", field("score")],
      ["distance", field("distance")],
      ["content", field("document")],
      ["metadata", typeof metadata === "string" ? parsedIfJson(metadata) : metadata],
    ];
    return Object.fromEntries(entries.filter((entry): entry is [string, Json] => entry[1] !== undefined));
  });
}
