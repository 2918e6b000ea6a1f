import type {
  DatasetService,
  Example,
  ExampleChange,
  ExampleDraft,
  ExampleFile,
} from "../../../loop/index.js";
import { isRunId, type JsonObject, type RunJson, type RunRecord } from "../../../schema/index.js";
import { objectBody, parseBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageLimits } from "../paging.js";
import { badField, json, notFound, RefusedCall } from "../replies.js";
import { datasetId, metadataIn } from "./dataset-routes.js";
import { exampleView } from "./dataset-view.js";
import type { RunSources } from "../runs/run-pages.js";
import { exampleChange, exampleDraft, multipartExamples } from "./example-bodies.js";
import { withSourceRuns } from "./source-run.js";

/** Routes of examples. */
export function exampleHandlers(
  service: DatasetService,
  sources: RunSources,
): Readonly<Record<string, Handler>> {
  const draftsOf = async (bodies: readonly RunRecord[]) =>
    (await withSourceRuns(sources, bodies)).map(exampleDraft);
  const update = async (bodies: readonly RunRecord[]) => {
    const ids = bodies.map((body) => idOf(body["id"], ["body", "id"]));
    const there = await service.listExamples({ ids, limit: ids.length + 1, offset: 0 });
    const metadata = new Map(there.map((example) => [example.id, metadataOf(example)]));
    return service.updateExamples(
      bodies.map((body, at): ExampleChange => {
        const id = ids[at] ?? "";
        return exampleChange(id, body, metadata.get(id) ?? {});
      }),
    );
  };
  return {
    ...readHandlers(service),
    ...deleteHandlers(service),
    addExamples: async (call) => {
      const bodies = multipartExamples(call.request.body, call.request.header("content-type"));
      const { ids, asOf } = await service.addExamples(datasetId(call), await draftsOf(bodies));
      return json(201, { count: ids.length, example_ids: ids, as_of: asOf });
    },
    changeExamples: async (call) => {
      await service.get(datasetId(call));
      const { ids, asOf } = await update(
        multipartExamples(call.request.body, call.request.header("content-type")),
      );
      return json(200, { count: ids.length, example_ids: ids, as_of: asOf });
    },
    upsertExamples: upsertHandler(service, { draftsOf, update }),
    createExample: async ({ request }) => {
      const body = objectBody(request.body);
      const dataset = idOf(body["dataset_id"], ["body", "dataset_id"]);
      const { ids } = await service.addExamples(dataset, await draftsOf([body]));
      return json(200, exampleView(await service.getExample(ids[0] ?? "")));
    },
    createExamples: async ({ request }) => {
      const bodies = listBody(request.body);
      const examples: RunRecord[] = [];
      const dataset = datasetOfAll(bodies);
      if (dataset === undefined) return json(200, examples);
      const { ids } = await service.addExamples(dataset, await draftsOf(bodies));
      const added = await service.listExamples({ ids, limit: ids.length, offset: 0 });
      return json(200, added.map(exampleView));
    },
    updateExample: async ({ request, params }) => {
      const id = idOf(params["example_id"], ["path", "example_id"]);
      await service.getExample(id);
      await update([{ ...objectBody(request.body), id }]);
      return json(200, { message: `Example ${id} updated` });
    },
    updateExamples: async ({ request }) => {
      const { ids } = await update(listBody(request.body));
      return json(200, { message: `${ids.length} examples updated` });
    },
    validateExample: async ({ request }) => {
      const body = objectBody(request.body);
      const [{ data } = { data: {} }] = await draftsOf([body]);
      await service.validate(idOf(body["dataset_id"], ["body", "dataset_id"]), data);
      return json(200, { ...data, dataset_id: body["dataset_id"] });
    },
    changeMetadata: async (call) => changeMetadata(service, call),
    changeSplits: async (call) => changeSplits(service, call),
  };
}

function deleteHandlers(service: DatasetService): Readonly<Record<string, Handler>> {
  return {
    deleteExample: async ({ params }) => {
      await service.removeExamples([idOf(params["example_id"], ["path", "example_id"])]);
      return json(200, { message: "Example deleted" });
    },
    deleteExamples: async ({ request }) => {
      const ids = request.query.getAll("example_ids").map((id) => idOf(id, ["query", "example_ids"]));
      await service.removeExamples(ids);
      return json(200, { message: `${ids.length} examples deleted` });
    },
    eraseExamples: async ({ request }) => {
      const { example_ids: list, hard_delete: hard } = objectBody(request.body);
      if (hard === true) {
        throw new RefusedCall(
          501,
          "Counterfoil does not erase examples from older versions yet; delete without hard_delete.",
        );
      }
      const ids = (Array.isArray(list) ? list : []).map((id) => idOf(id, ["body", "example_ids"]));
      await service.removeExamples(ids);
      return json(200, { count: ids.length });
    },
  };
}

function readHandlers(service: DatasetService): Readonly<Record<string, Handler>> {
  return {
    listExamples: async ({ request }) => {
      const { query } = request;
      const dataset = query.get("dataset");
      const ids = query.getAll("id").map((id) => id.toLowerCase());
      if (dataset === null && ids.length === 0) throw badField(["query", "dataset"], "or id is required");
      const splits = query.getAll("splits");
      const metadata = query.get("metadata");
      const filter = query.get("filter") ?? "";
      const asOf = query.get("as_of");
      const examples = await service.listExamples({
        ...(dataset === null ? {} : { datasetId: idOf(dataset, ["query", "dataset"]) }),
        ...(ids.length === 0 ? {} : { ids }),
        ...(splits.length === 0 ? {} : { splits }),
        ...(metadata === null ? {} : { metadata: metadataIn(metadata) }),
        ...(asOf === null ? {} : { asOf }),
        ...(filter === "" ? {} : { filter }),
        ...pageLimits(query),
      });
      return json(200, examples.map(exampleView));
    },
    countExamples: async ({ request }) => {
      const dataset = idOf(request.query.get("dataset"), ["query", "dataset"]);
      return json(200, await service.countExamples(dataset, request.query.get("as_of") ?? undefined));
    },
    readExample: async ({ request, params }) => {
      const id = idOf(params["example_id"], ["path", "example_id"]);
      return json(200, exampleView(await service.getExample(id, request.query.get("as_of") ?? undefined)));
    },
    readAttachment: async ({ request, params }) => {
      const id = idOf(params["example_id"], ["path", "example_id"]);
      const { data } = await service.getExample(id, request.query.get("as_of") ?? undefined);
      const files = (data["attachments"] ?? []) as unknown as readonly ExampleFile[];
      const file = files.find(({ name }) => name === params["name"]);
      if (file === undefined) throw notFound(`Attachment ${params["name"] ?? ""}`);
      return {
        status: 200,
        contentType: file.mime_type || "application/octet-stream",
        // What someone uploaded is shown to nobody as a page of this server.
        headers: { "content-disposition": "attachment", "x-content-type-options": "nosniff" },
        body: Buffer.from(file.content, "base64"),
      };
    },
  };
}

/** `{example_ids, operations: [{key, operation: set | array_add | array_remove, value | values}]}` */
async function changeMetadata(service: DatasetService, call: Call) {
  await service.get(datasetId(call));
  const { example_ids: list, operations } = objectBody(call.request.body);
  const ids = (Array.isArray(list) ? list : []).map((id) => idOf(id, ["body", "example_ids"]));
  if (!Array.isArray(operations)) throw badField(["body", "operations"], "must be a list");
  const there = await service.listExamples({ ids, limit: ids.length + 1, offset: 0 });
  const changes = there.map((example): ExampleChange => {
    const metadata: RunRecord = { ...(metadataOf(example) as RunRecord) };
    for (const operation of operations) applyOperation(metadata, operation);
    return { id: example.id, data: { metadata } };
  });
  await service.updateExamples(changes);
  const found = new Set(there.map(({ id }) => id));
  return json(207, {
    results: ids.map((id) => ({ example_id: id, status: found.has(id) ? "updated" : "not found" })),
  });
}

function applyOperation(metadata: RunRecord, operation: RunJson): void {
  const fields = operation as RunRecord;
  const { key, value, values } = fields;
  const name = typeof fields["operation"] === "string" ? fields["operation"].toLowerCase() : "";
  if (typeof key !== "string") throw badField(["body", "operations", "key"], "is required");
  const given = Array.isArray(values) ? values : [];
  const current = metadata[key];
  const list = Array.isArray(current) ? current : current === undefined || current === null ? [] : [current];
  const has = (items: readonly RunJson[], item: RunJson): boolean =>
    items.some((each) => JSON.stringify(each) === JSON.stringify(item));
  if (name === "set") metadata[key] = value ?? values ?? null;
  else if (name === "array_add") metadata[key] = [...list, ...given.filter((item) => !has(list, item))];
  else if (name === "array_remove") metadata[key] = list.filter((item) => !has(given, item));
  else throw badField(["body", "operations", "operation"], "must be set, array_add or array_remove");
}

/** `{split_name, examples, remove}` */
async function changeSplits(service: DatasetService, call: Call) {
  await service.get(datasetId(call));
  const { split_name: split, examples, remove } = objectBody(call.request.body);
  if (typeof split !== "string") throw badField(["body", "split_name"], "is required");
  const ids = (Array.isArray(examples) ? examples : []).map((id) => idOf(id, ["body", "examples"]));
  const there = await service.listExamples({ ids, limit: ids.length + 1, offset: 0 });
  const operation = {
    key: "dataset_split",
    operation: remove === true ? "array_remove" : "array_add",
    values: [split],
  };
  await service.updateExamples(
    there.map((example): ExampleChange => {
      const metadata: RunRecord = { ...(metadataOf(example) as RunRecord) };
      applyOperation(metadata, operation);
      return { id: example.id, data: { metadata } };
    }),
  );
  return json(200, await service.splits(datasetId(call)));
}

function metadataOf({ data }: Example): JsonObject {
  return (data["metadata"] ?? {}) as JsonObject;
}

function listBody(bytes: Uint8Array): RunRecord[] {
  const body = parseBody(bytes);
  if (!Array.isArray(body)) throw badField(["body"], "must be a list of examples");
  return body.map((item, at) => {
    if (typeof item !== "object" || item === null || Array.isArray(item))
      throw badField(["body", at], "must be an object");
    return item;
  });
}

function idOf(value: unknown, where: readonly (string | number)[]): string {
  if (!isRunId(value)) throw badField(where, "must be a UUID");
  return value.toLowerCase();
}

/** How bodies of examples are written. */
interface ExampleWriters {
  readonly draftsOf: (bodies: readonly RunRecord[]) => Promise<ExampleDraft[]>;
  readonly update: (bodies: readonly RunRecord[]) => Promise<unknown>;
}

function upsertHandler(service: DatasetService, { draftsOf, update }: ExampleWriters): Handler {
  return async (call) => {
    const bodies = multipartExamples(call.request.body, call.request.header("content-type"));
    const dataset = datasetOfAll(bodies);
    if (dataset === undefined) return json(201, { count: 0, example_ids: [] });
    const ids = bodies.map((body) => idOf(body["id"], ["body", "id"]));
    const there = await service.listExamples({ ids, limit: ids.length + 1, offset: 0 });
    // An id of another dataset is not changed from here: it is refused as one that is taken.
    const known = new Set(there.filter(({ datasetId: of }) => of === dataset).map(({ id }) => id));
    const fresh = bodies.filter((_, at) => !known.has(ids[at] ?? ""));
    const others = bodies.filter((_, at) => known.has(ids[at] ?? ""));
    // New ones first: a client that sends all again after an error changes them, and nothing comes twice.
    if (fresh.length > 0) await service.addExamples(dataset, await draftsOf(fresh));
    if (others.length > 0) await update(others);
    return json(201, { count: ids.length, example_ids: ids });
  };
}

/** The dataset that all of them name; undefined when there are none. Throws 422. */
function datasetOfAll(bodies: readonly RunRecord[]): string | undefined {
  const datasets = new Set(bodies.map((body) => idOf(body["dataset_id"], ["body", "dataset_id"])));
  if (datasets.size > 1) throw badField(["body"], "must be examples of one dataset");
  return [...datasets][0];
}
