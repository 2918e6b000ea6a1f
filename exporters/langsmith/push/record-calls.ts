import {
  type JsonObject,
  type JsonValue,
  type StoredChange,
  uuidOf,
  withCommitMark,
} from "../../../schema/index.js";
import type { HttpCall } from "../../core/http.js";
import type { PushedCommit } from "./commit-place.js";
import type { PushedTags } from "./prompt-tags.js";

/** A request to LangSmith's API, in its words. */
export interface RecordCall {
  readonly method: NonNullable<HttpCall["method"]>;
  /** Below the API's address, with `/api/v1`. */
  readonly path: string;
  readonly body?: JsonValue;
  /** Fields of the body that are JSON texts already. */
  readonly texts?: Readonly<Record<string, string>>;
  /** Files of an example, which only a multipart body carries. */
  readonly files?: readonly ExampleFile[];
  /** Made instead when the thing is there already (409): it is changed then. */
  readonly whenThere?: RecordCall;
  /** A thing that is gone is what a delete wants. */
  readonly goneIsDone?: true;
  /** It can't be changed there: one that is there already (409) is what was wanted. */
  readonly thereIsDone?: true;
  /** Tags of the prompt's commits, which are set behind it. */
  readonly tags?: PushedTags;
  /** Made only when this commit is not there yet, with the parent that it has there. */
  readonly commit?: PushedCommit;
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
    // One that is there twice was created and changed: the change must come behind, as a request of its own.
    const isNew = open?.every((other) => idIn(other) !== idIn(call)) ?? false;
    if (mayJoin && open !== undefined && isSame && isNew && open.length < BULK_MAX) open.push(call);
    else {
      const group = [call];
      groups.push(group);
      open = mayJoin ? group : undefined;
    }
  }
  return groups;
}

function idIn(call: RecordCall): JsonValue | undefined {
  return objectOf(call.body)["id"];
}

function datasetOf(call: RecordCall | undefined): JsonValue | undefined {
  return objectOf(call?.body)["dataset_id"];
}

const API = "/api/v1";
/** Where things are that are deleted by their id. */
const DELETED_AT: Readonly<Record<string, string>> = {
  feedback: `${API}/feedback`,
  dataset: `${API}/datasets`,
  example: `${API}/examples`,
  comparative_experiment: `${API}/datasets/comparative`,
  annotation_queue: `${API}/annotation-queues`,
};

/** Undefined for a change that LangSmith has no words for. */
function callOf({ type, id, op, data }: StoredChange): RecordCall | undefined {
  if (op === "delete") {
    const at = DELETED_AT[type];
    return at === undefined ? undefined : deleteOf(`${at}/${encodeURIComponent(id)}`);
  }
  const fields = objectOf(data);
  switch (type) {
    case "feedback":
      return feedbackCall(id, fields);
    case "feedback_config":
      return configCall(fields);
    case "dataset":
      return datasetCall(id, fields);
    case "example":
      return exampleCall(id, fields);
    case "prompt":
      return promptCall(fields);
    case "prompt_commit":
      return commitCall(fields);
    case "project":
      return { method: "POST", path: `${API}/sessions?upsert=true`, body: { ...fields, id } };
    case "comparative_experiment":
      return {
        method: "POST",
        path: `${API}/datasets/comparative`,
        body: { ...fields, id },
        thereIsDone: true,
      };
    case "annotation_queue":
      return queueCall(id, fields);
    case "queue_item":
      return itemCall(fields);
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

/** LangSmith finds the config of a key by the key. */
function configCall({ created_at: _created, modified_at: _modified, ...body }: JsonObject): RecordCall {
  const path = `${API}/feedback-configs`;
  return { method: "POST", path, body, whenThere: { method: "PATCH", path, body } };
}

/** Reviewers are people of one server: who they are is not said to the other. */
function queueCall(
  id: string,
  { assigned_reviewers: _who, reviewer_access_mode: _mode, updated_at: _at, ...fields }: JsonObject,
): RecordCall {
  const { created_at: _created, ...change } = fields;
  const path = `${API}/annotation-queues`;
  return {
    method: "POST",
    path,
    body: { ...fields, id },
    whenThere: { method: "PATCH", path: `${path}/${encodeURIComponent(id)}`, body: change },
  };
}

/** A queue has a run once, however often it is added. */
function itemCall({ queue_id: queue, run_id: run }: JsonObject): RecordCall {
  const path = `${API}/annotation-queues/${encodeURIComponent(textOf(queue))}/runs`;
  return { method: "POST", path, body: [textOf(run)], thereIsDone: true };
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

/** A prompt that is about to be deleted says so: LangSmith knows it by its name, which the deletion does not have. */
function promptCall(fields: JsonObject): RecordCall {
  const { repo_handle: handle, description, readme, tags, deleted_at: gone } = fields;
  if (typeof gone === "string") return deleteOf(`/api/v1/repos/-/${encodeURIComponent(textOf(handle))}`);
  const hashes = objectOf(fields["tag_hashes"]);
  const body = { description: description ?? "", readme: readme ?? "", tags: tags ?? [] };
  return {
    method: "POST",
    path: "/api/v1/repos",
    body: { ...body, repo_handle: handle ?? "", is_public: false },
    whenThere: { method: "PATCH", path: `/api/v1/repos/-/${encodeURIComponent(textOf(handle))}`, body },
    ...(Object.keys(hashes).length === 0 ? {} : { tags: { handle: textOf(handle), hashes } }),
  };
}

function commitCall(fields: JsonObject): RecordCall {
  const { repo_handle: name, commit_hash: commitHash, parent_commit_hash: parent, manifest } = fields;
  const [handle, hash] = [textOf(name), textOf(commitHash)];
  const { description } = fields;
  return {
    method: "POST",
    path: `/api/v1/commits/-/${encodeURIComponent(handle)}`,
    body: {
      description: withCommitMark(typeof description === "string" ? description : undefined, hash),
    },
    // As it was written: numbers keep their value.
    texts: { manifest: textOf(manifest) },
    commit: { handle, hash, parentHash: typeof parent === "string" ? parent : undefined },
  };
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
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
