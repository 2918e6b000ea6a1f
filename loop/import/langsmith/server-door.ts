import { randomUUID } from "node:crypto";
import {
  type ChangeRecord,
  checkRecord,
  CounterfoilError,
  encodeImportBatch,
  encodeRecords,
  errorMessage,
  IMPORT_BATCH_BYTES,
  IMPORT_BATCH_RUNS_MAX,
  IMPORT_HEADER,
  IMPORT_MEDIA_TYPE,
  IMPORT_PATH,
  type JsonObject,
  type NativeRun,
  RECORD_CHANGES_MAX,
  recordTypeOf,
  runTimeNanos,
  writeRunJson,
} from "../../../schema/index.js";
import { createMirrorReader, type MirrorReader, type SqlParameter } from "../../../store/index.js";
import type { ImportDoor, Refused } from "./door.js";
import { objectIn, runOfV2, type SourceRun, V2_SELECTS } from "./run-shape.js";
import { LangSmithSource, SourceError, type SourceOptions } from "./source.js";

/** A server of Counterfoil on this machine. */
export interface ServerDoorOptions extends SourceOptions {
  /** Its data directory, which is read beside it. */
  readonly dataDir: string;
}

const JSON_TYPE = "application/json";
const SELECTS_HERE = V2_SELECTS.filter((field) => field !== "ATTACHMENTS" && field !== "FEEDBACK_STATS");

/** The door of a running server: its own HTTP API, and its mirror's files for what is there. */
export function createServerDoor(options: ServerDoorOptions): ImportDoor {
  return new ServerDoor(options);
}

class ServerDoor implements ImportDoor {
  readonly #server: LangSmithSource;
  readonly #reader: MirrorReader;
  /** Something was written since the mirror was last waited for. */
  #dirty = true;

  constructor(options: ServerDoorOptions) {
    this.#server = new LangSmithSource({ ...options, headers: { [IMPORT_HEADER]: "langsmith" } });
    this.#reader = createMirrorReader({ dataDir: options.dataDir });
  }

  async runs(runs: readonly NativeRun[]): Promise<readonly Refused[]> {
    const refused: Refused[] = [];
    for (const batch of batches(runs, sizeOfRun, IMPORT_BATCH_RUNS_MAX)) {
      refused.push(...(await this.#halving(batch, idOfRun, (part) => this.#sendRuns(part))));
    }
    return refused;
  }

  async records(changes: readonly ChangeRecord[]): Promise<readonly Refused[]> {
    const refused = changes.flatMap((change) => problemOf(change));
    const wrong = new Set(refused.map(({ id }) => id));
    const valid = changes.filter(({ id }) => !wrong.has(id));
    for (const batch of batches(valid, sizeOfChange, RECORD_CHANGES_MAX)) {
      const send = (part: readonly ChangeRecord[]): Promise<unknown> => {
        const payload = encodeRecords(part);
        const entry = { signal: "records", payload, receivedUnixNano: undefined } as const;
        return this.#server.send(IMPORT_PATH, encodeImportBatch([entry]), IMPORT_MEDIA_TYPE);
      };
      refused.push(...(await this.#halving(batch, ({ id }) => id, send)));
    }
    return refused;
  }

  project(id: string, data: JsonObject): Promise<readonly Refused[]> {
    const body = { ...data, id };
    return this.#halving(
      [body],
      () => id,
      () => this.#server.post("/api/v1/sessions?upsert=true", body),
    );
  }

  async runsHere(runs: readonly SourceRun[]): Promise<readonly SourceRun[]> {
    if (runs.length === 0) return [];
    const starts = runs.flatMap(({ run }) => runTimeNanos(run["start_time"]) ?? []);
    const answer = await this.#ask("/api/v2/runs/query", {
      ids: runs.map(({ id }) => id),
      selects: SELECTS_HERE,
      page_size: runs.length,
      // The times let the server leave out files; where one is missing, so is the bound.
      ...(starts.length < runs.length
        ? {}
        : { min_start_time: timeText(least(starts)), max_start_time: timeText(most(starts) + 1_000n) }),
    });
    const items = objectIn(answer)?.["items"];
    return (Array.isArray(items) ? items : []).flatMap((item) => runOfV2(objectIn(item) ?? {}, "") ?? []);
  }

  readonly rows = async (sql: string, params: readonly SqlParameter[]) => {
    if (this.#dirty) {
      await this.#ask("/api/v1/flush", { to: "mirror" });
      this.#dirty = false;
    }
    return this.#reader.query(sql, params);
  };

  close(): Promise<void> {
    return this.#reader.close();
  }

  async #ask(path: string, body: unknown): Promise<unknown> {
    try {
      return await (path.endsWith("/runs/query")
        ? this.#server.queryRuns(path, body)
        : this.#server.post(path, body));
    } catch (error) {
      throw ownServer(error);
    }
  }

  #sendRuns(runs: readonly NativeRun[]): Promise<unknown> {
    const [only] = runs;
    // A run without a place in its trace gets one, but not in a batch.
    if (only !== undefined && runs.length === 1 && only.attachments.length === 0) {
      return this.#server.send("/api/v1/runs", writeRunJson(only.run), JSON_TYPE);
    }
    if (runs.every(({ attachments }) => attachments.length === 0)) {
      const body = writeRunJson({ post: runs.map(({ run }) => run) });
      return this.#server.send("/api/v1/runs/batch", body, JSON_TYPE);
    }
    // Nobody who wrote a run can know it.
    const boundary = `counterfoil-${randomUUID()}`;
    const type = `multipart/form-data; boundary=${boundary}`;
    return this.#server.send("/api/v1/runs/multipart", multipartOf(runs, boundary), type);
  }

  /** Sends all at once; when the server refuses, each half by itself, down to the ones that it means. */
  async #halving<T>(
    items: readonly T[],
    idOf: (item: T) => string,
    send: (items: readonly T[]) => Promise<unknown>,
  ): Promise<readonly Refused[]> {
    try {
      this.#dirty = true;
      await send(items);
      return [];
    } catch (error) {
      if (!(error instanceof SourceError) || !isRefusal(error)) throw ownServer(error);
      const [only] = items;
      if (only !== undefined && items.length === 1) return [{ id: idOf(only), reason: error.message }];
      const middle = Math.ceil(items.length / 2);
      return [
        ...(await this.#halving(items.slice(0, middle), idOf, send)),
        ...(await this.#halving(items.slice(middle), idOf, send)),
      ];
    }
  }
}

/** Not an error of the source, after which the import would go on with something else. */
function ownServer(error: unknown): unknown {
  if (!(error instanceof SourceError)) return error;
  const options = { retryable: error.retryable, cause: error };
  return new CounterfoilError("CF_IMPORT_FAILED", `The server that imports: ${error.message}`, options);
}

/** What is wrong with a change: the server takes what an import brings as it is. */
function problemOf({ type, id, data }: ChangeRecord): Refused[] {
  const known = recordTypeOf(type);
  if (known === undefined) return [{ id, reason: `there is no type of record "${type}"` }];
  try {
    if (data !== null) checkRecord(known, data);
    return [];
  } catch (error) {
    return [{ id, reason: errorMessage(error) }];
  }
}

function isRefusal({ status }: SourceError): boolean {
  return status === 400 || status === 409 || status === 413 || status === 422;
}

/** Neighbours that go together: up to the bounds of one request, at least one. */
function* batches<T>(items: readonly T[], sizeOf: (item: T) => number, most: number): Generator<T[]> {
  let batch: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    if (batch.length > 0 && (batch.length === most || bytes + size > IMPORT_BATCH_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(item);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function sizeOfRun({ run, attachments }: NativeRun): number {
  return writeRunJson(run).length + attachments.reduce((sum, { content }) => sum + content.length, 0);
}

function sizeOfChange({ data }: ChangeRecord): number {
  return data === null ? 0 : JSON.stringify(data).length;
}

function idOfRun({ run }: NativeRun): string {
  const { id } = run;
  return typeof id === "string" ? id : "";
}

function multipartOf(runs: readonly NativeRun[], boundary: string): Uint8Array {
  const parts: Uint8Array[] = [];
  const part = (name: string, type: string, content: Uint8Array): void => {
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: ${type}\r\nContent-Length: ${content.length}\r\n\r\n`;
    parts.push(Buffer.from(head), content, Buffer.from("\r\n"));
  };
  for (const { run, attachments } of runs) {
    const id = idOfRun({ run, attachments });
    part(`post.${id}`, "application/json", Buffer.from(writeRunJson(run)));
    for (const { name, mimeType, content } of attachments) {
      part(`attachment.${id}.${name.replaceAll('"', "%22").replaceAll(/[\r\n]/g, "_")}`, mimeType, content);
    }
  }
  return Buffer.concat([...parts, Buffer.from(`--${boundary}--\r\n`)]);
}

function timeText(nanos: bigint): string {
  const micros = nanos / 1_000n;
  const seconds = new Date(Number(micros / 1_000_000n) * 1_000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % 1_000_000n).padStart(6, "0")}Z`;
}

function least(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (b < a ? b : a));
}

function most(values: readonly bigint[]): bigint {
  return values.reduce((a, b) => (b > a ? b : a));
}
