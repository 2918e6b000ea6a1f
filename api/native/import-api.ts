import { setImmediate } from "node:timers/promises";
import {
  type Api,
  type ApiEntry,
  type ApiHost,
  type ApiReply,
  type ApiRequest,
  type BatchEntry,
  CounterfoilError,
  decodeImportBatch,
  decodeRecords,
  IMPORT_MEDIA_TYPE,
  IMPORT_PATH,
  IMPORT_UPLOAD_BYTES_MAX,
  isDeeper,
  RECORD_JSON_DEPTH_MAX,
  scanRequest,
  UNIX_NANO_MAX,
} from "../../schema/index.js";
import { ImportUploads } from "./import-uploads.js";
import { jsonReply, wholeNumberIn } from "./json-call.js";

const UPLOAD = /^\/api\/v1\/import\/uploads\/([0-9a-f-]{36})$/;
/** A large change set is checked this many bytes at a time: other requests are answered in between. */
const CHECK_BYTES = 1024 * 1024;
const NEW_LINE = 10;

/**
 * `POST /api/v1/import/entries`: makes durable what an import read elsewhere, with the times at which it was received there.
 * All entries are checked before the first is stored; the answer comes when all are on disk. A body that is larger than one
 * request may be comes before, in pieces: `PUT /api/v1/import/uploads/{uuid}?offset=...`, then `entries?upload={uuid}`.
 */
export function createImportApi(host: ApiHost): Api {
  const uploads = new ImportUploads(host.dataDir);
  const store = async (body: Uint8Array): Promise<ApiReply> => {
    const entries: ApiEntry[] = [];
    for (const entry of decodeImportBatch(body)) entries.push(await entryOf(entry));
    // The request's memory is used again after the reply: all must be written, or refused, by then.
    const outcomes = await Promise.allSettled(entries.map((entry) => host.append(entry)));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    return jsonReply({ entries: entries.length });
  };
  return {
    find(method, path) {
      if (path === IMPORT_PATH && method === "POST") {
        return (request) => {
          checkMediaType(request);
          const upload = request.query.get("upload");
          return upload === null ? store(request.body) : uploads.take(upload, store);
        };
      }
      const id = method === "PUT" ? UPLOAD.exec(path)?.[1] : undefined;
      if (id === undefined) return undefined;
      return async (request) => {
        checkMediaType(request);
        const offset =
          wholeNumberIn(request.query, "offset", { least: 0, most: IMPORT_UPLOAD_BYTES_MAX }) ?? 0;
        return jsonReply({ bytes: await uploads.put(id, offset, request.body) });
      };
    },
    close: () => uploads.close(),
  };
}

function checkMediaType(request: ApiRequest): void {
  if (request.header("content-type") === IMPORT_MEDIA_TYPE) return;
  throw new CounterfoilError("CF_REQUEST_INVALID", `Send this with Content-Type: ${IMPORT_MEDIA_TYPE}.`);
}

async function entryOf(entry: BatchEntry): Promise<ApiEntry> {
  const { signal, payload, receivedUnixNano } = entry;
  if (receivedUnixNano !== undefined && receivedUnixNano >= UNIX_NANO_MAX) {
    throw new CounterfoilError("CF_REQUEST_INVALID", "A time of receipt is after 2262.");
  }
  const itemCount = signal === "records" ? await countRecords(payload) : countItems(signal, payload);
  return {
    signal,
    payload,
    itemCount,
    receiver: "import",
    ...(receivedUnixNano === undefined ? {} : { receivedUnixNano }),
  };
}

function countItems(signal: Exclude<BatchEntry["signal"], "records">, payload: Uint8Array): number {
  const { itemCount, reason, rejected } = scanRequest(signal, payload);
  if (rejected === 0 && itemCount > 0) return itemCount;
  throw new CounterfoilError("CF_REQUEST_INVALID", reason === "" ? "An entry is empty." : reason);
}

async function countRecords(payload: Uint8Array): Promise<number> {
  let count = 0;
  for (let at = 0; at < payload.length;) {
    if (at > 0) await setImmediate();
    const end = payload.indexOf(NEW_LINE, at + CHECK_BYTES);
    const next = end < 0 ? payload.length : end + 1;
    count += checkedRecords(payload.subarray(at, next));
    at = next;
  }
  if (count > 0) return count;
  throw new CounterfoilError("CF_REQUEST_INVALID", "An entry is empty.");
}

function checkedRecords(payload: Uint8Array): number {
  const changes = decodeRecords(payload);
  for (const { data, more } of changes) {
    if (!isDeeper(data, RECORD_JSON_DEPTH_MAX) && !isDeeper(more, RECORD_JSON_DEPTH_MAX)) continue;
    throw new CounterfoilError(
      "CF_REQUEST_INVALID",
      `A record is nested more than ${RECORD_JSON_DEPTH_MAX} deep.`,
    );
  }
  return changes.length;
}
