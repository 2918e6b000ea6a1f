import { isUtf8 } from "node:buffer";
import {
  CounterfoilError,
  fieldNameAt,
  isRunId,
  ownRawFields,
  type RawFields,
  rawFieldsOf,
  readRawFields,
  type RunAttachment,
  type RunJson,
  type RunRecord,
  scanJson,
} from "../../../schema/index.js";
import { multipartParts, type Part } from "../../http/multipart.js";
import { hasBom } from "../body.js";
import { badField, RefusedCall } from "../replies.js";
import { boundedWrites, checkedWrite, type RunWrite } from "./run-writes.js";

/** What a multipart request brings. */
export interface MultipartWrites {
  readonly writes: readonly RunWrite[];
  /** The JSON of its feedback parts. */
  readonly feedback: readonly RunRecord[];
}

/** Fields that travel in parts of their own. */
const OUT_OF_BAND = new Set(["inputs", "outputs", "events", "error", "extra", "serialized"]);
const BOM_BYTES = 3;

/** One run of a request, while its parts come. */
interface Gathered {
  readonly kind: RunWrite["kind"];
  readonly id: string;
  /** What the names of its parts start with. */
  readonly key: string;
  fields: RawFields | undefined;
  /** The parts of its fields: name, start and end in {@link Gathering.own}. */
  readonly outOfBand: [field: string, start: number, end: number][];
  bytes: number;
}

/** A request, while its parts are read. */
interface Gathering {
  /** A copy of the request, as its memory is used again after the answer. */
  readonly own: Buffer;
  /** All of it is UTF-8, and so is each part: they are cut where ASCII is. */
  readonly isText: boolean;
  readonly runs: Map<string, Gathered>;
  /** The run of the part before, and where its name starts in {@link own}; -1 when it is not there as such. */
  last: Gathered | undefined;
  lastName: number;
  runBytes: number;
  readonly attachments: Map<string, RunAttachment[]>;
  readonly feedback: RunRecord[];
}

/** `POST /runs/multipart`. Throws 422 with the name of the wrong part or field. */
export function multipartWrites(body: Uint8Array, contentType: string | undefined): MultipartWrites {
  const own = Buffer.from(body);
  const all: Gathering = {
    own,
    isText: isUtf8(own),
    runs: new Map(),
    last: undefined,
    lastName: -1,
    runBytes: 0,
    attachments: new Map(),
    feedback: [],
  };
  for (const part of multipartParts(own, contentType)) takePart(all, part);
  // What is remembered of the runs must not hold on to what is mostly something else.
  const isMostlyRuns = all.runBytes * 2 >= own.length;
  const writes = [...all.runs.values()].map(({ kind, id, key, fields, outOfBand, bytes }) => {
    if (fields === undefined) throw badField(["body", key], "is missing: a field of the run came without it");
    for (const [field, start, end] of outOfBand) fields.set(field, start, end);
    const files = all.attachments.get(id) ?? [];
    all.attachments.delete(id);
    const named = fields.text("id") === id ? fields : fields.with("id", id);
    const kept = isMostlyRuns ? named : ownRawFields(named);
    return checkedWrite(kind, kept, ["body", key], { files, bytes });
  });
  // Files of a run that this request does not otherwise name are an update of it.
  const others = [...all.attachments].map(([id, files]) =>
    checkedWrite("patch", rawFieldsOf({ id }), ["body", `attachment.${id}`], { files, bytes: 0 }),
  );
  return { writes: boundedWrites([...writes, ...others]), feedback: all.feedback };
}

/** The field of a part whose name starts as that of the part before: parts of one run mostly follow one another. */
function nextField({ own, last, lastName }: Gathering, { nameRange }: Part): string | undefined {
  if (last === undefined || lastName < 0 || nameRange === undefined) return undefined;
  const { nameStart, nameEnd } = nameRange;
  const end = nameStart + last.key.length;
  if (end >= nameEnd || own[end] !== DOT) return undefined;
  for (let at = nameStart; at < end; at++) {
    if (own[at] !== own[lastName + at - nameStart]) return undefined;
  }
  return fieldNameAt(own, end + 1, nameEnd);
}

const DOT = 46;

function takePart(all: Gathering, part: Part): void {
  const next = nextField(all, part);
  if (next !== undefined && all.last !== undefined) return takeRunPart(all, part, all.last, next);
  const { name } = part;
  const { kind, id, field } = namePartsOf(name);
  if (!isRunId(id))
    throw badField(["body", name], "must be named <kind>.<uuid>, with an optional field after it");
  if (kind === "post" || kind === "patch") {
    const key = `${kind}.${id}`;
    const known = all.runs.get(key);
    const run = known ?? { kind, id, key, fields: undefined, outOfBand: [], bytes: 0 };
    if (known === undefined) all.runs.set(key, run);
    all.last = run;
    all.lastName = part.nameRange?.nameStart ?? -1;
    takeRunPart(all, part, run, field);
  } else if (kind === "feedback") all.feedback.push({ ...feedbackIn(part), id });
  else if (kind === "attachment") addAttachment(all.attachments, id, field, part);
  else throw badField(["body", name], `starts with ${kind}; known are post, patch, attachment and feedback`);
}

interface NameParts {
  readonly kind: string;
  /** Lower case. */
  readonly id: string;
  readonly field: string;
}

/** `post.<id>.inputs` in three; the last may hold points. */
function namePartsOf(name: string): NameParts {
  const first = name.indexOf(".");
  const second = first < 0 ? -1 : name.indexOf(".", first + 1);
  const kind = first < 0 ? name : name.slice(0, first);
  const id = first < 0 ? "" : name.slice(first + 1, second < 0 ? undefined : second);
  return { kind, id: id.toLowerCase(), field: second < 0 ? "" : name.slice(second + 1) };
}

function takeRunPart(all: Gathering, part: Part, run: Gathered, field: string): void {
  const { body, start, end } = part;
  run.bytes += end - start;
  all.runBytes += end - start;
  try {
    if (!all.isText && !isUtf8(part.content)) throw new TypeError("not valid UTF-8");
    const from = hasBom(body, start) ? start + BOM_BYTES : start;
    if (field === "") run.fields = readRawFields(body, from, end);
    else if (OUT_OF_BAND.has(field)) {
      const value = scanJson(body, from, end);
      run.outOfBand.push([field, value.start, value.end]);
    } else throw badField(["body", part.name], `names no field; known are ${[...OUT_OF_BAND].join(", ")}`);
  } catch (error) {
    throw jsonError(error, part);
  }
  if (field === "" && run.fields === undefined) throw badField(["body", part.name], "must be a JSON object");
}

function jsonError(error: unknown, { name }: Part): unknown {
  const isOther = error instanceof CounterfoilError || error instanceof RefusedCall;
  return isOther ? error : badField(["body", name], "is not JSON in UTF-8");
}

function addAttachment(to: Map<string, RunAttachment[]>, id: string, name: string, part: Part): void {
  if (name === "") throw badField(["body", part.name], "must name the attachment");
  const list = to.get(id) ?? [];
  to.set(id, list);
  const content = Buffer.from(part.content);
  list.push({ name, mimeType: part.contentType || "application/octet-stream", content });
}

function feedbackIn(part: Part): RunRecord {
  let value: RunJson;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(part.content)) as RunJson;
  } catch (error) {
    throw jsonError(error, part);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw badField(["body", part.name], "must be a JSON object");
}
