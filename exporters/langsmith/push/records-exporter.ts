import { randomUUID } from "node:crypto";
import {
  decodeRecords,
  type JsonValue,
  PUSHED_THINGS_MAX,
  type StoredChange,
} from "../../../schema/index.js";
import { classifyAnswer, LANGSMITH_STATUSES } from "../../core/classify.js";
import type { ExportBatch, Exporter, Outcome } from "../../core/exporter.js";
import type { HttpAnswer, HttpFailure, HttpTransport } from "../../core/http.js";
import { inflatePayload } from "../../core/payload.js";
import { findCommit, type PushedCommit } from "./commit-place.js";
import { type PushedTags, tagCalls } from "./prompt-tags.js";
import { BULK_PATH, callsOf, exampleParts, objectOf, type RecordCall } from "./record-calls.js";

/** Where to, and as whom. */
export interface RecordsExporterOptions {
  /** The API's address, without `/api/v1`. */
  readonly base: URL;
  readonly apiKey: string;
  readonly workspaceId?: string | undefined;
  readonly transport: HttpTransport;
}

/**
 * Sends changes of records one after another, in the order in which they were decided: a destination of its own, with one
 * request at a time. Each is safe to send again.
 */
export function createRecordsExporter(options: RecordsExporterOptions): Exporter {
  const sent = new NewestSent();
  return {
    wants: "bytes",
    async send(batch: ExportBatch, abort: AbortSignal): Promise<Outcome> {
      for (const { body, entry } of batch.parts) {
        if (body.kind === "data") throw new Error("records are not decoded on their way");
        const all = decodeRecords(inflatePayload(body.encoding, body.payload));
        const changes = all.filter((change) => !sent.isOvertaken(change, entry.seq));
        for (const calls of callsOf(changes)) {
          const failure = await makeAll(options, calls, abort);
          if (failure !== undefined) return failure;
        }
        for (const change of changes) sent.note(change, entry.seq);
      }
      return { kind: "delivered" };
    },
    async close() {
      options.transport.close();
    },
  };
}

/**
 * The newest change that was sent of each thing, by journal position. What the peer fails at lets others pass, so a change may
 * be tried again behind a later one of the same thing: it must not undo it. A new process sends in order again.
 */
class NewestSent {
  readonly #seqs = new Map<string, number>();

  isOvertaken({ type, id }: StoredChange, seq: number): boolean {
    return (this.#seqs.get(`${type} ${id}`) ?? seq) > seq;
  }

  note({ type, id }: StoredChange, seq: number): void {
    const key = `${type} ${id}`;
    // Set anew, so that the first is the one that was not sent for longest.
    this.#seqs.delete(key);
    this.#seqs.set(key, seq);
    const [oldest] = this.#seqs.keys();
    if (this.#seqs.size > PUSHED_THINGS_MAX && oldest !== undefined) this.#seqs.delete(oldest);
  }
}

/** New examples that were decided together go together, and are one version there; when one is there, one by one. */
async function makeAll(
  options: RecordsExporterOptions,
  calls: readonly RecordCall[],
  abort: AbortSignal,
): Promise<Outcome | undefined> {
  if (calls.length > 1) {
    const together = { method: "POST", path: BULK_PATH, body: calls.map(({ body = null }) => body) } as const;
    const answer = await options.transport.post(requestOf(options, together), abort);
    if (!("status" in answer) || answer.status !== 409) return outcomeOf(answer);
  }
  for (const call of calls) {
    const failure = await make(options, call, abort);
    if (failure !== undefined) return failure;
  }
  return undefined;
}

/** Undefined when it is done. */
async function make(
  options: RecordsExporterOptions,
  call: RecordCall,
  abort: AbortSignal,
): Promise<Outcome | undefined> {
  const { commit, tags, whenThere } = call;
  if (commit !== undefined) return makeCommit(options, call, commit, abort);
  const answer = await options.transport.post(requestOf(options, call), abort);
  const status = "status" in answer ? answer.status : undefined;
  if (status === 404 && call.goneIsDone === true) return undefined;
  const isThere = status === 409;
  if (isThere && whenThere !== undefined) {
    const failure = await make(options, whenThere, abort);
    if (failure !== undefined) return failure;
  } else if (!isThere || call.thereIsDone !== true) {
    const failure = outcomeOf(answer);
    if (failure !== undefined) return failure;
  }
  return tags === undefined ? undefined : makeTags(options, tags, abort);
}

async function makeTags(
  options: RecordsExporterOptions,
  tags: PushedTags,
  abort: AbortSignal,
): Promise<Outcome | undefined> {
  const get = (path: string) => options.transport.post(requestOf(options, { method: "GET", path }), abort);
  const found = await tagCalls(get, tags);
  if ("failure" in found) return unknownYet(found.failure);
  for (const call of found.calls) {
    const failure = await make(options, call, abort);
    if (failure !== undefined) return failure;
  }
  const [tag] = found.missing;
  if (tag === undefined) return undefined;
  const message = `the commit that the tag ${JSON.stringify(tag)} names is not there`;
  return { kind: "retry", message, suspect: "tagged_commit_missing" };
}

/** Nothing was sent yet: a list that broke off says nothing. */
function unknownYet(failure: HttpAnswer | HttpFailure): Outcome | undefined {
  const brokeOff = "status" in failure && failure.status < 300;
  return brokeOff ? { kind: "retry", message: "the list of commits broke off" } : outcomeOf(failure);
}

/** A commit is made once: asking comes first, as LangSmith gives each that is made a hash of its own. */
async function makeCommit(
  options: RecordsExporterOptions,
  call: RecordCall,
  commit: PushedCommit,
  abort: AbortSignal,
): Promise<Outcome | undefined> {
  const get = (path: string) => options.transport.post(requestOf(options, { method: "GET", path }), abort);
  const place = await findCommit(get, commit);
  if ("failure" in place) return unknownYet(place.failure);
  if (place.isThere) return undefined;
  const { commit: _commit, ...request } = call;
  const parent = place.parent === undefined ? {} : { parent_commit: place.parent };
  const answer = await options.transport.post(
    requestOf(options, { ...request, body: { ...objectOf(call.body), ...parent } }),
    abort,
  );
  return outcomeOf(answer);
}

function outcomeOf(answer: HttpAnswer | HttpFailure): Outcome | undefined {
  const outcome = classifyAnswer(answer, LANGSMITH_STATUSES, Date.now());
  if (outcome?.kind === "delivered") return undefined;
  // Its run or dataset may still be on the way there; when others pass and this one does not, it is given up.
  if (outcome?.kind === "blocked" && "status" in answer && answer.status === 404) {
    return { kind: "retry", message: outcome.message, suspect: "rejected_404" };
  }
  return outcome;
}

function jsonOf(body: JsonValue | undefined, texts: RecordCall["texts"] = {}): string {
  if (body === undefined) return "";
  const entries = Object.entries(texts).map(([name, text]) => `${JSON.stringify(name)}:${text}`);
  const fields = JSON.stringify(body);
  if (entries.length === 0) return fields;
  return `{${[...(fields === "{}" ? [] : [fields.slice(1, -1)]), ...entries].join(",")}}`;
}

function requestOf({ base, apiKey, workspaceId }: RecordsExporterOptions, call: RecordCall) {
  const { body, files, method, texts } = call;
  const boundary = `counterfoil-${randomUUID()}`;
  const isMultipart = files !== undefined;
  const bytes = isMultipart
    ? exampleParts(objectOf(body), files, boundary)
    : Buffer.from(jsonOf(body, texts));
  return {
    method,
    url: new URL(base.href.replace(/\/$/, "") + call.path),
    body: bytes,
    headers: {
      "content-type": isMultipart ? `multipart/form-data; boundary=${boundary}` : "application/json",
      "user-agent": "counterfoil",
      "x-api-key": apiKey,
      ...(workspaceId === undefined ? {} : { "x-tenant-id": workspaceId }),
    },
  };
}
