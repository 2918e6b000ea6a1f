import { type JsonObject, type JsonValue, type StoredChange, uuidOf } from "../../../schema/index.js";
import type { HttpCall } from "../../core/http.js";

/** A request to LangSmith's API, in its words. */
export interface RecordCall {
  readonly method: NonNullable<HttpCall["method"]>;
  /** Below the API's address, with `/api/v1`. */
  readonly path: string;
  readonly body?: JsonValue;
  /** Files of an example, which only a multipart body carries. */
  readonly files?: readonly ExampleFile[];
  /** Made instead when the thing is there already (409): it is changed then. */
  readonly whenThere?: RecordCall;
  /** A thing that is gone is what a delete wants. */
  readonly goneIsDone?: true;
}

/** As in the record type `example`. */
export interface ExampleFile {
  readonly name: string;
  readonly mime_type: string;
  readonly content: string;
}

/** Where several new examples go at once. */
export const BULK_PATH = "/api/v1/examples/bulk";
const BULK_MAX = 100;
const EXAMPLES_PATH = "/api/v1/examples";

/** The requests that make LangSmith know changes, in order. Several in one list are new examples that may go together. */
export function callsOf(changes: readonly StoredChange[]): RecordCall[][] {
  const groups: RecordCall[][] = [];
  let open: RecordCall[] | undefined;
  for (const change of changes) {
    const call = callOf(change);
    if (call === undefined) continue;
    const mayJoin = call.path === EXAMPLES_PATH;
    const isSame = datasetOf(call) === datasetOf(open?.[0]);
    if (mayJoin && open !== undefined && isSame && open.length < BULK_MAX) open.push(call);
    else {
      const group = [call];
      groups.push(group);
      open = mayJoin ? group : undefined;
    }
  }
  return groups;
}

function datasetOf(call: RecordCall | undefined): JsonValue | undefined {
  return objectOf(call?.body)["dataset_id"];
}

/** Undefined for a change that LangSmith has no words for. */
function callOf({ type, id, op, data }: StoredChange): RecordCall | undefined {
  const isDelete = op === "delete";
  const fields = objectOf(data);
  switch (type) {
    case "feedback":
      return isDelete ? deleteOf(`/api/v1/feedback/${id}`) : feedbackCall(id, fields);
    case "dataset":
      return isDelete ? deleteOf(`/api/v1/datasets/${id}`) : datasetCall(id, fields);
    case "example":
      return isDelete ? deleteOf(`/api/v1/examples/${id}`) : exampleCall(id, fields);
    case "project":
      return isDelete
        ? undefined
        : { method: "POST", path: "/api/v1/sessions?upsert=true", body: { ...fields, id } };
    default:
      return undefined;
  }
}

function deleteOf(path: string): RecordCall {
  return { method: "DELETE", path, goneIsDone: true };
}

function feedbackCall(id: string, fields: JsonObject): RecordCall {
  const trace = uuidOf(fields["trace_id"]);
  // About a trace is about its root, whose id is the trace's.
  const run = uuidOf(fields["run_id"]) ?? trace;
  const { span_id: _span, target: _target, ...rest } = fields;
  const changed = ["score", "value", "comment", "correction"];
  return {
    method: "POST",
    path: "/api/v1/feedback",
    body: {
      ...rest,
      id,
      ...(run === undefined ? {} : { run_id: run }),
      ...(trace === undefined ? {} : { trace_id: trace }),
    },
    whenThere: {
      method: "PATCH",
      path: `/api/v1/feedback/${id}`,
      body: Object.fromEntries(changed.map((name) => [name, fields[name] ?? null])),
    },
  };
}

function datasetCall(id: string, fields: JsonObject): RecordCall {
  return {
    method: "POST",
    path: "/api/v1/datasets",
    body: { ...fields, id },
    whenThere: { method: "PATCH", path: `/api/v1/datasets/${id}`, body: fields },
  };
}

function exampleCall(id: string, fields: JsonObject): RecordCall {
  const { attachments, ...rest } = fields;
  const files = Array.isArray(attachments) ? (attachments as unknown as readonly ExampleFile[]) : [];
  const split = objectOf(rest["metadata"])["dataset_split"];
  const body = { ...rest, id, ...(split === undefined ? {} : { split }) };
  const change: RecordCall = { method: "PATCH", path: `/api/v1/examples/${id}`, body };
  if (files.length === 0) return { method: "POST", path: EXAMPLES_PATH, body, whenThere: change };
  const dataset = rest["dataset_id"];
  const path = `/api/v1/platform/datasets/${typeof dataset === "string" ? dataset : ""}/examples`;
  const retain = { ...body, attachments_operations: { rename: {}, retain: [] } };
  return {
    method: "POST",
    path,
    body,
    files,
    whenThere: { method: "PATCH", path, body: retain, files },
  };
}

/** A multipart body of one example: `<id>` has the JSON without what has parts of its own. */
export function exampleParts(body: JsonObject, files: readonly ExampleFile[], boundary: string): Uint8Array {
  const { id, inputs, outputs, attachments_operations: operations, ...rest } = body;
  const name = typeof id === "string" ? id : "";
  const chunks: Uint8Array[] = [];
  const part = (partName: string, type: string, content: Uint8Array): void => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${partName}"\r\nContent-Type: ${type}; length=${content.length}\r\n\r\n`;
    chunks.push(Buffer.from(head), content, Buffer.from("\r\n"));
  };
  const json = (partName: string, value: JsonValue | undefined): void => {
    if (value !== undefined) part(partName, "application/json", Buffer.from(JSON.stringify(value)));
  };
  json(name, rest);
  json(`${name}.inputs`, inputs);
  json(`${name}.outputs`, outputs);
  json(`${name}.attachments_operations`, operations);
  for (const file of files) {
    const safe = file.name.replaceAll('"', "%22").replaceAll(/[\r\n]/g, "_");
    part(`${name}.attachment.${safe}`, file.mime_type, Buffer.from(file.content, "base64"));
  }
  return Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]);
}

/** The object, or an empty one. */
export function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
