import {
  type Api,
  type ApiEntry,
  type ApiHost,
  type ApiRequest,
  type BatchEntry,
  CounterfoilError,
  decodeImportBatch,
  decodeRecords,
  IMPORT_MEDIA_TYPE,
  IMPORT_PATH,
  isDeeper,
  RECORD_JSON_DEPTH_MAX,
  scanRequest,
  UNIX_NANO_MAX,
} from "../../schema/index.js";

/**
 * `POST /api/v1/import/entries`: makes durable what an import read elsewhere, with the times at which it was received there.
 * All entries are checked before the first is stored; the answer comes when all are on disk.
 */
export function createImportApi(host: ApiHost): Api {
  return {
    find(method, path) {
      if (path !== IMPORT_PATH || method !== "POST") return undefined;
      return async (request) => {
        const entries = entriesOf(request);
        // The request's memory is used again after the reply: all must be written, or refused, by then.
        const outcomes = await Promise.allSettled(entries.map((entry) => host.append(entry)));
        for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
        const body = `${JSON.stringify({ entries: entries.length })}\n`;
        return { status: 200, contentType: "application/json", body };
      };
    },
    close: async () => undefined,
  };
}

function entriesOf(request: ApiRequest): ApiEntry[] {
  if (request.header("content-type") !== IMPORT_MEDIA_TYPE) {
    throw new CounterfoilError("CF_REQUEST_INVALID", `Send this with Content-Type: ${IMPORT_MEDIA_TYPE}.`);
  }
  return decodeImportBatch(request.body).map(entryOf);
}

function entryOf(entry: BatchEntry): ApiEntry {
  const { signal, payload, receivedUnixNano } = entry;
  if (receivedUnixNano !== undefined && receivedUnixNano >= UNIX_NANO_MAX) {
    throw new CounterfoilError("CF_REQUEST_INVALID", "A time of receipt is after 2262.");
  }
  const itemCount = signal === "records" ? countRecords(payload) : countItems(signal, payload);
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

function countRecords(payload: Uint8Array): number {
  const changes = decodeRecords(payload);
  if (changes.length === 0) throw new CounterfoilError("CF_REQUEST_INVALID", "An entry is empty.");
  for (const { data, more } of changes) {
    if (!isDeeper(data, RECORD_JSON_DEPTH_MAX) && !isDeeper(more, RECORD_JSON_DEPTH_MAX)) continue;
    throw new CounterfoilError(
      "CF_REQUEST_INVALID",
      `A record is nested more than ${RECORD_JSON_DEPTH_MAX} deep.`,
    );
  }
  return changes.length;
}
