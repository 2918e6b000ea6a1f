import type { Dataset, DatasetService } from "../../../loop/index.js";
import {
  type ApiReply,
  CounterfoilError,
  isRunId,
  type JsonObject,
  type RunRecord,
} from "../../../schema/index.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { decodeOffset, encodeOffset, PAGE_MAX, pageOf } from "../paging.js";
import { badField, json, RefusedCall } from "../replies.js";
import { datasetView, versionView } from "./dataset-view.js";

/** What version 2 of the list takes. */
const V2_FIELDS = new Set(["cursor", "page_size", "id", "name", "name_contains", "data_type", "metadata"]);

/** Routes of datasets and their versions. */
export function datasetHandlers(service: DatasetService): Readonly<Record<string, Handler>> {
  return {
    listDatasets: async ({ request }) => {
      const { query } = request;
      const name = query.get("name");
      const ids = query.getAll("id").map((id) => id.toLowerCase());
      const all = await service.list({
        ...(name === null ? {} : { name }),
        ...(ids.length === 0 ? {} : { ids }),
      });
      return json(
        200,
        pageOf(
          query,
          all.filter((dataset) => matches(dataset, query)),
        ).map(datasetView),
      );
    },
    listDatasetsV2: async ({ request }) => listV2(service, request.query),
    createDataset: async ({ request }) => {
      const { id, ...data } = objectBody(request.body);
      if (id !== undefined && id !== null && !isRunId(id)) throw badField(["body", "id"], "must be a UUID");
      const given = datasetData(data);
      const dataset = await service.create(given, isRunId(id) ? id.toLowerCase() : undefined);
      return json(200, datasetView(dataset));
    },
    readDataset: async (call) => json(200, datasetView(await service.get(datasetId(call)))),
    updateDataset: async (call) => {
      const change = datasetData(objectBody(call.request.body));
      return json(200, datasetView(await service.update(datasetId(call), change)));
    },
    deleteDataset: async (call) => {
      await service.remove(datasetId(call));
      return json(200, { message: "Dataset deleted" });
    },
    listVersions: async (call) => {
      const versions = await service.versions(datasetId(call));
      return json(200, pageOf(call.request.query, versions).map(versionView));
    },
    readVersion: async (call) => {
      const { query } = call.request;
      const wanted = query.get("tag") ?? query.get("as_of");
      if (wanted === null) throw badField(["query", "as_of"], "or tag is required");
      return json(200, versionView(await service.version(datasetId(call), wanted)));
    },
    diffVersions: async (call) => {
      const { query } = call.request;
      const [from, to] = [query.get("from_version"), query.get("to_version")];
      if (from === null) throw badField(["query", "from_version"], "is required");
      if (to === null) throw badField(["query", "to_version"], "is required");
      const { added, modified, removed } = await service.diff(datasetId(call), from, to);
      return json(200, { examples_added: added, examples_modified: modified, examples_removed: removed });
    },
    tagVersion: async (call) => {
      const { as_of: asOf, tag } = objectBody(call.request.body);
      if (typeof tag !== "string" || tag === "") throw badField(["body", "tag"], "is required");
      if (typeof asOf !== "string") throw badField(["body", "as_of"], "is required");
      return json(200, versionView(await service.tag(datasetId(call), tag, asOf)));
    },
    listSplits: async (call) => {
      const asOf = call.request.query.get("as_of") ?? undefined;
      return json(200, await service.splits(datasetId(call), asOf));
    },
  };
}

/** A page of version 2. What would change the answer and is not done is refused. */
async function listV2(service: DatasetService, query: URLSearchParams): Promise<ApiReply> {
  const unknown = [...query.keys()].filter((field) => !V2_FIELDS.has(field.replace("[]", "")));
  if (unknown.length > 0) {
    throw new RefusedCall(501, `Counterfoil does not take ${unknown.join(", ")} for datasets yet.`);
  }
  const ids = [...query.getAll("id"), ...query.getAll("id[]")].map((id) => id.toLowerCase());
  const name = query.get("name");
  const all = await service.list({
    ...(name === null ? {} : { name }),
    ...(ids.length === 0 ? {} : { ids }),
  });
  const found = all.filter((dataset) => matches(dataset, query));
  const offset = decodeOffset(query.get("cursor"), ["query", "cursor"]);
  const size = Number(query.get("page_size") ?? PAGE_MAX);
  if (!Number.isInteger(size) || size < 1) throw badField(["query", "page_size"], "must be at least 1");
  const end = offset + Math.min(size, PAGE_MAX);
  return json(200, {
    items: found.slice(offset, end).map(datasetView),
    next_cursor: end < found.length ? encodeOffset(end) : null,
  });
}

/** The dataset that a path names. Throws 422. */
export function datasetId({ params }: Call): string {
  const id = params["dataset_id"]?.toLowerCase();
  if (!isRunId(id)) throw badField(["path", "dataset_id"], "must be a UUID");
  return id;
}

/** Clients put metadata into `extra`; nulls say nothing. */
function datasetData(body: RunRecord): JsonObject {
  const given = Object.fromEntries(
    Object.entries(body).filter(([, value]) => value !== null && !isMissing(value)),
  );
  const extra = given["extra"];
  const inner =
    typeof extra === "object" && extra !== null && !Array.isArray(extra) ? extra["metadata"] : undefined;
  return inner === undefined || given["metadata"] !== undefined ? given : { ...given, metadata: inner };
}

/** `{"__missing__": ...}` stands for a field that a change leaves as it is. */
function isMissing(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "__missing__");
}

function matches({ data }: Dataset, query: URLSearchParams): boolean {
  const part = query.get("name_contains");
  const name = typeof data["name"] === "string" ? data["name"] : "";
  if (part !== null && !name.toLowerCase().includes(part.toLowerCase())) return false;
  const types = query.getAll("data_type");
  if (types.length > 0 && !types.includes(typeof data["data_type"] === "string" ? data["data_type"] : "kv"))
    return false;
  const wanted = query.get("metadata");
  if (wanted === null) return true;
  const metadata = (data["metadata"] ?? {}) as JsonObject;
  return Object.entries(metadataIn(wanted)).every(
    ([key, value]) => JSON.stringify(metadata[key]) === JSON.stringify(value),
  );
}

/** The JSON object of a `metadata` parameter. Throws 422. */
export function metadataIn(text: string): JsonObject {
  try {
    return objectBody(Buffer.from(text));
  } catch (error) {
    if (!(error instanceof CounterfoilError)) throw error;
    throw badField(["query", "metadata"], "must be a JSON object");
  }
}
