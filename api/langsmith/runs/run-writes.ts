import {
  CounterfoilError,
  dottedOrderNanos,
  isRunId,
  jsonTextOf,
  JsonText,
  LANGSMITH_RUNS_MAX,
  parseRunJson,
  type RunAttachment,
  type RunFields,
  type RunJson,
  type RunRecord,
  type RunValue,
  runTimeNanos,
} from "../../../schema/index.js";
import { multipartParts, type Part } from "../../http/multipart.js";
import { badField, RefusedCall } from "../replies.js";

/** A checked create or update of a run: `fields` has `id`, lower case. */
export interface RunWrite {
  readonly kind: "post" | "patch";
  readonly fields: RunFields & { readonly id: string };
  readonly attachments: readonly RunAttachment[];
  /** About how much memory it takes: bytes of the request that were its own. */
  readonly bytes: number;
}

/** What a multipart request brings. */
export interface MultipartWrites {
  readonly writes: readonly RunWrite[];
  /** The JSON of its feedback parts. */
  readonly feedback: readonly RunRecord[];
}

type Where = readonly (string | number)[];

const UUID_FIELDS = ["trace_id", "parent_run_id", "session_id", "reference_example_id"];
const TIME_FIELDS = ["start_time", "end_time"];
const TEXT_FIELDS = ["name", "run_type", "session_name", "error", "dotted_order"];
/** Fields that travel in parts of their own. */
const OUT_OF_BAND = new Set(["inputs", "outputs", "events", "error", "extra", "serialized"]);
const SEGMENT = /^\d{8}T\d{12}Z([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

const NOTHING = { files: [], bytes: 0 } as const;

/** One create (`POST /runs`) or update (`PATCH /runs/{id}`). Throws 422 with the way to the wrong field. */
export function singleWrite(kind: RunWrite["kind"], body: RunValue, bytes: number, id?: string): RunWrite {
  const fields = objectAt(body, ["body"]);
  return checked(kind, id === undefined ? fields : { ...fields, id }, ["body"], { files: [], bytes });
}

/** `POST /runs/batch`. */
export function batchWrites(body: RunValue, bytes: number): RunWrite[] {
  const lists = objectAt(body, ["body"]);
  const writes = (["post", "patch"] as const).flatMap((kind) => {
    const list = lists[kind] ?? [];
    if (!Array.isArray(list)) throw badField(["body", kind], "must be a list of runs");
    return list.map((item, at) => {
      const where = ["body", kind, at];
      const fields = objectAt(item, where);
      for (const field of ["trace_id", "dotted_order"]) {
        if (typeof fields[field] !== "string") throw badField([...where, field], "is required in a batch");
      }
      return checked(kind, fields, where, NOTHING);
    });
  });
  return bounded(writes.map((write) => ({ ...write, bytes: bytes / writes.length })));
}

/** `post.<id>.inputs` in three; the last may hold points. */
function nameParts(name: string): readonly [kind: string, id: string, field: string] {
  const first = name.indexOf(".");
  if (first < 0) return [name, "", ""];
  const second = name.indexOf(".", first + 1);
  if (second < 0) return [name.slice(0, first), name.slice(first + 1), ""];
  return [name.slice(0, first), name.slice(first + 1, second), name.slice(second + 1)];
}

interface Gathered {
  readonly kind: RunWrite["kind"];
  fields: RunFields | undefined;
  readonly outOfBand: RunFields;
  bytes: number;
}

/** `POST /runs/multipart`. */
export function multipartWrites(body: Uint8Array, contentType: string | undefined): MultipartWrites {
  const runs = new Map<string, Gathered>();
  const attachments = new Map<string, RunAttachment[]>();
  const feedback: RunRecord[] = [];
  for (const part of multipartParts(body, contentType)) {
    const [kind, rawId, field] = nameParts(part.name);
    const id = rawId.toLowerCase();
    if (!isRunId(id))
      throw badField(["body", part.name], "must be named <kind>.<uuid>, with an optional field after it");
    if (kind === "feedback") feedback.push({ ...feedbackAt(part), id });
    else if (kind === "attachment") addAttachment(attachments, id, field, part);
    else if (kind === "post" || kind === "patch") gather(runs, { kind, id, field }, part);
    else
      throw badField(
        ["body", part.name],
        `starts with ${kind}; known are post, patch, attachment and feedback`,
      );
  }
  const writes = [...runs].map(([key, { kind, fields, outOfBand, bytes }]) => {
    const id = key.slice(key.indexOf(".") + 1);
    if (fields === undefined) throw badField(["body", key], "is missing: a field of the run came without it");
    const files = attachments.get(id) ?? [];
    attachments.delete(id);
    return checked(kind, Object.assign(fields, outOfBand, { id }), ["body", key], { files, bytes });
  });
  // Files of a run that this request does not otherwise name are an update of it.
  const others = [...attachments].map(([id, files]) =>
    checked("patch", { id }, ["body", `attachment.${id}`], { files, bytes: 0 }),
  );
  return { writes: bounded([...writes, ...others]), feedback };
}

function gather(
  runs: Map<string, Gathered>,
  { kind, id, field }: { kind: RunWrite["kind"]; id: string; field: string },
  part: Part,
): void {
  const key = `${kind}.${id}`;
  const run = runs.get(key) ?? { kind, fields: undefined, outOfBand: {}, bytes: 0 };
  runs.set(key, run);
  run.bytes += part.content.length;
  if (field === "") run.fields = objectAt(partJson(part, parseRunJson), ["body", part.name]);
  else if (OUT_OF_BAND.has(field)) run.outOfBand[field] = partJson(part, jsonTextOf);
  else throw badField(["body", part.name], `names no field; known are ${[...OUT_OF_BAND].join(", ")}`);
}

function addAttachment(to: Map<string, RunAttachment[]>, id: string, name: string, part: Part): void {
  if (name === "") throw badField(["body", part.name], "must name the attachment");
  const list = to.get(id) ?? [];
  to.set(id, list);
  // The body's memory is used again after the answer.
  const content = Buffer.from(part.content);
  list.push({ name, mimeType: part.contentType || "application/octet-stream", content });
}

const decoder = new TextDecoder("utf-8", { fatal: true });

function partJson<T>(part: Part, parse: (text: string) => T): T {
  try {
    return parse(decoder.decode(part.content));
  } catch (error) {
    if (error instanceof CounterfoilError) throw error;
    throw badField(["body", part.name], "is not JSON in UTF-8");
  }
}

function feedbackAt(part: Part): RunRecord {
  const value = partJson(part, (text) => JSON.parse(text) as RunJson);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw badField(["body", part.name], "must be a JSON object");
}

function checked(
  kind: RunWrite["kind"],
  fields: RunFields,
  where: Where,
  { files, bytes }: { readonly files: readonly RunAttachment[]; readonly bytes: number },
): RunWrite {
  const given = fields["id"];
  if (!isRunId(given)) throw badField([...where, "id"], "must be a UUID");
  for (const field of UUID_FIELDS) {
    const value = fields[field];
    if (value !== undefined && value !== null && !isRunId(value))
      throw badField([...where, field], "must be a UUID");
  }
  for (const field of TEXT_FIELDS) {
    const value = fields[field];
    if (value !== undefined && value !== null && typeof value !== "string") {
      throw badField([...where, field], "must be a text");
    }
  }
  for (const field of TIME_FIELDS) {
    const value = fields[field];
    if (value !== undefined && value !== null && runTimeNanos(value) === undefined) {
      throw badField([...where, field], "must be a time: ISO 8601, or milliseconds since 1970");
    }
  }
  if (kind === "post" && typeof fields["name"] !== "string")
    throw badField([...where, "name"], "is required");
  // The fields are this request's own: they are changed rather than copied.
  const own = Object.assign(fields, { id: given.toLowerCase() });
  checkDottedOrder(own, where);
  return { kind, fields: own, attachments: files, bytes };
}

/** Its last run is this one, and its first the trace: a run in another place could not be found again. */
function checkDottedOrder(fields: RunFields, where: Where): void {
  const order = fields["dotted_order"];
  if (typeof order !== "string") return;
  const ids = order.split(".").map((segment) => SEGMENT.exec(segment)?.[1]?.toLowerCase());
  const at = [...where, "dotted_order"];
  if (ids.includes(undefined) || dottedOrderNanos(order) === undefined) {
    throw badField(at, "must be segments of YYYYMMDDTHHMMSSffffffZ and a run id, joined by dots");
  }
  if (ids.at(-1) !== fields["id"]) throw badField(at, "must end with the run's own id");
  const trace = fields["trace_id"];
  if (typeof trace === "string" && ids[0] !== trace.toLowerCase()) {
    throw badField(at, `trace_id ${trace} does not match first part of dotted_order`);
  }
}

function objectAt(value: RunValue | undefined, where: Where): RunFields {
  if (isObject(value)) return value;
  throw badField(where, "must be a JSON object");
}

function isObject(value: RunValue | undefined): value is RunFields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonText);
}

function bounded(writes: RunWrite[]): RunWrite[] {
  if (writes.length <= LANGSMITH_RUNS_MAX) return writes;
  throw new RefusedCall(413, `The request has more than ${LANGSMITH_RUNS_MAX} runs. Send smaller batches.`);
}
