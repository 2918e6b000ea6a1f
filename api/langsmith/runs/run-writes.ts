import {
  dottedOrderNanos,
  isRunId,
  LANGSMITH_RUNS_MAX,
  type RawFields,
  readRawFields,
  type RunAttachment,
  scanElements,
} from "../../../schema/index.js";
import { badField, RefusedCall } from "../replies.js";

/** A checked create or update of a run. */
export interface RunWrite {
  readonly kind: "post" | "patch";
  /** Lower case. */
  readonly id: string;
  /** With `id`, as above. In memory that nothing else writes to. */
  readonly fields: RawFields;
  readonly attachments: readonly RunAttachment[];
  /** About how much memory it takes: bytes of the request that were its own. */
  readonly bytes: number;
}

/** Where in a request something is, as errors say it. */
export type Where = readonly (string | number)[];

const UUID_FIELDS = ["trace_id", "parent_run_id", "session_id", "reference_example_id"];
const TIME_FIELDS = ["start_time", "end_time"] as const;
const TEXT_FIELDS = ["name", "run_type", "session_name", "error", "dotted_order"];
const STAMP = /^\d{8}T\d{12}Z$/;
const STAMP_CHARS = 22;

const NOTHING = { files: [], bytes: 0 } as const;

/** One create (`POST /runs`) or update (`PATCH /runs/{id}`). Throws 422 with the way to the wrong field. */
export function singleWrite(kind: RunWrite["kind"], body: RawFields, bytes: number, id?: string): RunWrite {
  const fields = id === undefined ? body : body.with("id", id);
  return checkedWrite(kind, fields, ["body"], { files: [], bytes });
}

/** `POST /runs/batch`. */
export function batchWrites(body: RawFields, bytes: number): RunWrite[] {
  const writes: RunWrite[] = [];
  for (const kind of ["post", "patch"] as const) {
    const list = body.find(kind);
    if (list < 0 || body.isNull(list)) continue;
    if (!body.isList(list)) throw badField(["body", kind], "must be a list of runs");
    let at = 0;
    scanElements(body.bytes, body.start(list), (start, end) => {
      const where = ["body", kind, at++];
      const fields = readRawFields(body.bytes, start, end);
      if (fields === undefined) throw badField(where, "must be a JSON object");
      for (const field of ["trace_id", "dotted_order"]) {
        if (!fields.isString(fields.find(field))) throw badField([...where, field], "is required in a batch");
      }
      writes.push(checkedWrite(kind, fields, where, NOTHING));
    });
  }
  return boundedWrites(writes.map((write) => ({ ...write, bytes: bytes / writes.length })));
}

/** A write whose fields are as they must be. Throws 422 with the way to the wrong one. */
export function checkedWrite(
  kind: RunWrite["kind"],
  fields: RawFields,
  where: Where,
  { files, bytes }: { readonly files: readonly RunAttachment[]; readonly bytes: number },
): RunWrite {
  const given = fields.text("id");
  if (!isRunId(given)) throw badField([...where, "id"], "must be a UUID");
  for (const field of UUID_FIELDS) {
    const at = fields.find(field);
    if (at >= 0 && !fields.isNull(at) && !fields.isUuid(at))
      throw badField([...where, field], "must be a UUID");
  }
  for (const field of TEXT_FIELDS) {
    const at = fields.find(field);
    if (at >= 0 && !fields.isNull(at) && !fields.isString(at)) {
      throw badField([...where, field], "must be a text");
    }
  }
  for (const field of TIME_FIELDS) {
    const at = fields.find(field);
    if (at >= 0 && !fields.isNull(at) && fields.time(field) === undefined) {
      throw badField([...where, field], "must be a time: ISO 8601, or milliseconds since 1970");
    }
  }
  if (kind === "post" && !fields.isString(fields.find("name")))
    throw badField([...where, "name"], "is required");
  const id = given.toLowerCase();
  checkDottedOrder(fields, id, where);
  return { kind, id, fields: id === given ? fields : fields.with("id", id), attachments: files, bytes };
}

/** Its last run is this one, and its first the trace: a run in another place could not be found again. */
function checkDottedOrder(fields: RawFields, id: string, where: Where): void {
  const order = fields.text("dotted_order");
  if (order === undefined) return;
  if (isUsualOrder(order, id, fields.text("trace_id")) && dottedOrderNanos(order) !== undefined) return;
  const ids = order.split(".").map(segmentId);
  const at = [...where, "dotted_order"];
  if (ids.includes(undefined) || dottedOrderNanos(order) === undefined) {
    throw badField(at, "must be segments of YYYYMMDDTHHMMSSffffffZ and a run id, joined by dots");
  }
  if (ids.at(-1) !== id) throw badField(at, "must end with the run's own id");
  const trace = fields.text("trace_id");
  if (trace !== undefined && ids[0] !== trace.toLowerCase()) {
    throw badField(at, `trace_id ${trace} does not match first part of dotted_order`);
  }
}

/** Whether an order is made of segments in lower case, from the trace to the run: then nothing needs to be taken apart. */
function isUsualOrder(order: string, id: string, trace: string | undefined): boolean {
  return USUAL_ORDER.test(order) && order.endsWith(id) && order.startsWith(trace ?? "", STAMP_CHARS);
}

const USUAL_ORDER = /^(?:(?:^|\.)\d{8}T\d{12}Z[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})+$/;

function segmentId(segment: string): string | undefined {
  const id = segment.slice(STAMP_CHARS);
  return isRunId(id) && STAMP.test(segment.slice(0, STAMP_CHARS)) ? id.toLowerCase() : undefined;
}

/** Throws 413 for more runs than one request may have. */
export function boundedWrites(writes: RunWrite[]): RunWrite[] {
  if (writes.length <= LANGSMITH_RUNS_MAX) return writes;
  throw new RefusedCall(413, `The request has more than ${LANGSMITH_RUNS_MAX} runs. Send smaller batches.`);
}
