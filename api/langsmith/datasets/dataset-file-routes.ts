import {
  type DatasetService,
  type Example,
  examplesOfCsv,
  examplesToCsv,
  examplesToJsonl,
  examplesToOpenaiEvals,
  examplesToOpenaiFineTuning,
} from "../../../loop/index.js";
import { type ApiReply, isRunId } from "../../../schema/index.js";
import { multipartParts } from "../../http/multipart.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { badField, json } from "../replies.js";
import { datasetId } from "./dataset-routes.js";
import { datasetView, exampleView } from "./dataset-view.js";

const JSONL = "application/jsonl";

/** Routes that give a dataset as a file, make one of a CSV, and copy examples from one to another. */
export function datasetFileHandlers(service: DatasetService): Readonly<Record<string, Handler>> {
  return {
    datasetCsv: (call) => file(service, call, { type: "text/csv; charset=utf-8", write: examplesToCsv }),
    datasetJsonl: (call) => file(service, call, { type: JSONL, write: examplesToJsonl }),
    datasetOpenai: (call) => file(service, call, { type: JSONL, write: examplesToOpenaiEvals }),
    datasetOpenaiFt: (call) => file(service, call, { type: JSONL, write: examplesToOpenaiFineTuning }),
    uploadCsv: async ({ request }) => {
      const form = formOf(request.body, request.header("content-type"));
      const inputs = form.get("input_keys") ?? [];
      if (inputs.length === 0) throw badField(["body", "input_keys"], "must name at least one column");
      const [csv] = form.get("file") ?? [];
      if (csv === undefined) throw badField(["body", "file"], "is required");
      const drafts = examplesOfCsv(csv, { inputs, outputs: form.get("output_keys") ?? [] });
      const [name = form.get("filename")?.[0] ?? "upload"] = form.get("name") ?? [];
      const [description] = form.get("description") ?? [];
      const [type = "kv"] = form.get("data_type") ?? [];
      const data = { name, data_type: type, ...(description === undefined ? {} : { description }) };
      return json(200, datasetView(await service.create(data, undefined, drafts)));
    },
    cloneExamples: async ({ request }) => {
      const body = objectBody(request.body);
      const { source_dataset_id: source, target_dataset_id: target, as_of: asOf, examples } = body;
      if (!isRunId(source)) throw badField(["body", "source_dataset_id"], "must be a UUID");
      if (!isRunId(target)) throw badField(["body", "target_dataset_id"], "must be a UUID");
      const wanted = Array.isArray(examples) ? examples : undefined;
      if (wanted !== undefined && !wanted.every(isRunId)) throw badField(["body", "examples"], "must be ids");
      await service.get(source.toLowerCase());
      const found = await service.listExamples({
        datasetId: source.toLowerCase(),
        limit: Number.MAX_SAFE_INTEGER,
        offset: 0,
        ...(wanted === undefined ? {} : { ids: wanted.map((id) => id.toLowerCase()) }),
        ...(typeof asOf === "string" ? { asOf } : {}),
      });
      const drafts = found.map(({ data: { created_at: _time, ...data } }) => ({ data }));
      if (drafts.length === 0) return json(200, []);
      const { ids } = await service.addExamples(target.toLowerCase(), drafts);
      const copies = await service.listExamples({ ids, limit: ids.length, offset: 0 });
      return json(200, copies.map(exampleView));
    },
  };
}

async function file(
  service: DatasetService,
  call: Call,
  { type, write }: { readonly type: string; readonly write: (examples: readonly Example[]) => string },
): Promise<ApiReply> {
  const id = datasetId(call);
  await service.get(id);
  const asOf = call.request.query.get("as_of");
  const examples = await service.listExamples({
    datasetId: id,
    limit: Number.MAX_SAFE_INTEGER,
    offset: 0,
    ...(asOf === null ? {} : { asOf }),
  });
  return {
    status: 200,
    contentType: type,
    headers: { "content-disposition": "attachment", "x-content-type-options": "nosniff" },
    body: write(examples),
  };
}

/** Values of a form by name, in order; `filename` has the file's. Throws 400 for what is not UTF-8. */
function formOf(body: Uint8Array, contentType: string | undefined): ReadonlyMap<string, string[]> {
  const form = new Map<string, string[]>();
  for (const { name, filename, content } of multipartParts(body, contentType)) {
    if (filename !== undefined) form.set("filename", [filename]);
    const list = form.get(name) ?? [];
    form.set(name, list);
    try {
      list.push(new TextDecoder("utf-8", { fatal: true }).decode(content));
    } catch {
      throw badField(["body", name], "is not UTF-8");
    }
  }
  return form;
}
