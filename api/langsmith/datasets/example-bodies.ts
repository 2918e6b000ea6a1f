import type { ExampleChange, ExampleDraft, ExampleFile } from "../../../loop/index.js";
import {
  isRunId,
  type JsonObject,
  type JsonValue,
  type RunJson,
  type RunRecord,
} from "../../../schema/index.js";
import { multipartParts, type Part } from "../../http/multipart.js";
import { badField } from "../replies.js";

/** Split of an example that names none. */
const BASE_SPLIT = "base";
const FIELDS = ["inputs", "outputs", "metadata", "source_run_id", "created_at"];

/** A new example of a JSON body, in which nothing is left to be taken from a run. Throws 422. */
export function exampleDraft(body: RunRecord): ExampleDraft {
  const id = body["id"];
  if (id !== undefined && id !== null && !isRunId(id)) throw badField(["body", "id"], "must be a UUID");
  const data = fieldsOf(body);
  const metadata = { ...objectOf(body["metadata"]) };
  metadata["dataset_split"] = splitsOf(body["split"]) ?? splitsOf(metadata["dataset_split"]) ?? [BASE_SPLIT];
  const files = filesOf(body["attachments"]);
  return {
    ...(isRunId(id) ? { id: id.toLowerCase() } : {}),
    data: { inputs: {}, ...data, metadata, ...(files.length === 0 ? {} : { attachments: asJson(files) }) },
  };
}

/** A change of an example of a JSON body; `current` is its metadata now. */
export function exampleChange(id: string, body: RunRecord, current: JsonObject): ExampleChange {
  if (!isRunId(id)) throw badField(["body", "id"], "must be a UUID");
  const given = splitsOf(body["split"]);
  const data: Record<string, JsonValue> = fieldsOf(body);
  if (data["metadata"] !== undefined || given !== undefined) {
    const metadata = objectOf(body["metadata"]) ?? current;
    const kept = metadata["dataset_split"] ?? current["dataset_split"];
    data["metadata"] = { ...metadata, dataset_split: given ?? splitsOf(kept as RunJson) ?? [BASE_SPLIT] };
  }
  const operations = objectOf(body["attachments_operations"]);
  const added = filesOf(body["attachments"]);
  return {
    id: id.toLowerCase(),
    data,
    ...(added.length === 0 ? {} : { added }),
    ...(operations === undefined
      ? {}
      : {
          files: {
            rename: (objectOf(operations["rename"]) ?? {}) as Record<string, string>,
            retain: Array.isArray(operations["retain"])
              ? operations["retain"].filter((n) => typeof n === "string")
              : [],
          },
        }),
  };
}

/**
 * Examples of a multipart body, by id and in order: a part `<id>` has the JSON, `<id>.inputs`, `<id>.outputs` and
 * `<id>.attachments_operations` fields of it, `<id>.attachment.<name>` a file.
 */
export function multipartExamples(body: Uint8Array, contentType: string | undefined): RunRecord[] {
  const examples = new Map<string, RunRecord>();
  for (const part of multipartParts(body, contentType)) {
    const id = part.name.slice(0, 36).toLowerCase();
    if (!isRunId(id)) throw badField(["body", part.name], "must begin with the id of an example");
    const example = examples.get(id) ?? { id };
    examples.set(id, example);
    const [field = "", ...rest] = part.name.slice(37).split(".");
    if (part.name.length === 36) examples.set(id, { ...example, ...objectOf(partJson(part)), id });
    else if (field === "attachment" && rest.length > 0) addFile(example, rest.join("."), part);
    else if (["inputs", "outputs", "attachments_operations"].includes(field)) example[field] = partJson(part);
    else throw badField(["body", part.name], "names no field of an example");
  }
  return [...examples.values()];
}

function addFile(example: RunRecord, name: string, part: Part): void {
  const files = (example["attachments"] ?? []) as RunJson[];
  files.push({ name, mime_type: part.contentType, content: part.content.toString("base64") });
  example["attachments"] = files;
}

function partJson(part: Part): RunJson {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(part.content)) as RunJson;
  } catch {
    throw badField(["body", part.name], "is not JSON in UTF-8");
  }
}

/** Fields that are given; a null is given only where it means something. */
function fieldsOf(body: RunRecord): Record<string, JsonValue> {
  const entries = FIELDS.flatMap((field): [string, JsonValue][] => {
    const value = body[field];
    if (value === undefined || (value === null && field !== "outputs")) return [];
    return [[field, value]];
  });
  return Object.fromEntries(entries);
}

function filesOf(value: RunJson | undefined): ExampleFile[] {
  if (!Array.isArray(value)) return [];
  return value.map((file) => file as unknown as ExampleFile);
}

function asJson(files: readonly ExampleFile[]): JsonValue {
  return files.map(({ name, mime_type, content }) => ({ name, mime_type, content }));
}

function splitsOf(value: RunJson | undefined): string[] | undefined {
  if (typeof value === "string") return [value];
  if (!Array.isArray(value) || value.length === 0) return undefined;
  if (value.every((split) => typeof split === "string")) return value;
  throw badField(["body", "split"], "must be a text or a list of texts");
}

function objectOf(value: RunJson | JsonValue | undefined): RunRecord | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as RunRecord)
    : undefined;
}
