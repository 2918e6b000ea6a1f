import {
  type ChangeRecord,
  CounterfoilError,
  checkRecord,
  encodeOtlp,
  encodeRecords,
  errorMessage,
  evaluationsOfSpan,
  IMPORT_BATCH_BYTES,
  IMPORT_BATCH_RUNS_MAX,
  IMPORT_IDS_REMEMBERED,
  type JsonObject,
  recordTypeOf,
  type ResourceSpans,
  scanRequest,
} from "../../../schema/index.js";
import { type FileEngine, type ImportDoor, openFileEngine } from "../../../store/index.js";
import type { Rows } from "../../feedback/feedback-query.js";
import { missingRecords } from "../langsmith/import-run.js";
import { type ImportReport, ImportTally } from "../langsmith/report.js";
import { atifItems } from "./atif.js";
import { inspectFileItems, inspectItems } from "./inspect.js";
import { langfuseReader } from "./langfuse.js";
import { phoenixItems } from "./phoenix.js";
import { INSPECT_NAMES, ROW_NAMES, rowsOfFile, traceFiles } from "./trace-files.js";
import { textAttribute, type TraceItem } from "./trace-items.js";

/** Who wrote the files. What is read of Phoenix is OTLP in JSON, too, whoever wrote that. */
export const TRACE_FORMATS = ["phoenix", "langfuse", "inspect", "atif"] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

/** What {@link importTraces} works with. */
export interface TraceImportOptions {
  /** A file, or a folder of files. */
  readonly path: string;
  readonly format: TraceFormat;
  /** Project that the spans go to; without it what they say themselves. */
  readonly project?: string | undefined;
  /** Spills, while it reads, below this data directory. */
  readonly dataDir: string;
  readonly door: ImportDoor;
  /** Rows of the mirror. */
  readonly read: Rows;
  readonly now?: () => Date;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (things: number, file: number, files: number) => void;
}

const SPANS = "spans";
/** Judgements inside spans: they are stored with their spans. */
const INLINE = "feedback in spans";
const FEEDBACK = "feedback";
const ROWS = "rows";
const ATTR_PROJECT = "langsmith.trace.session_name";

/**
 * Imports the traces and the feedback that another system wrote to files, through the journal like everything that is
 * received. Spans that are here with the same end, and feedback that is here, are not stored again. What can't be taken is
 * left out, counted and named. Throws CF_NOT_FOUND, CF_IMPORT_FILE_INVALID, and as the door.
 */
export async function importTraces(options: TraceImportOptions): Promise<ImportReport> {
  const files = traceFiles(options.path, options.format === "inspect" ? INSPECT_NAMES : ROW_NAMES);
  await options.door.settle();
  const sink = new TraceSink(options);
  const reader = options.format === "langfuse" ? langfuseReader() : undefined;
  const itemsOf = (where: string, row: JsonObject): TraceItem[] | undefined => {
    if (reader !== undefined) return reader.items(where, row);
    if (options.format === "inspect") return inspectItems(where, row);
    return options.format === "atif" ? atifItems(where, row) : phoenixItems(where, row);
  };
  let engine: FileEngine | undefined;
  const opened = async (): Promise<FileEngine> => (engine ??= await openFileEngine(options.dataDir));
  try {
    // Of some systems what belongs to a whole trace is in other files than its spans.
    for (const path of reader === undefined ? [] : files) {
      const look = async (): Promise<void> => {
        for await (const row of rowsOfFile(path, opened)) if ("row" in row) reader?.look(row.row);
      };
      // What can't be read is told when its spans are wanted.
      await unlessDamaged(look, () => Promise.resolve());
    }
    for (const [at, path] of files.entries()) {
      const isZip = options.format === "inspect" && path.endsWith(".eval");
      const read = async (): Promise<void> => {
        const found = isZip
          ? inspectFileItems(path)
          : itemsOfRows(path, { opened, itemsOf, format: options.format });
        for await (const items of found) {
          options.signal?.throwIfAborted();
          await sink.take(items);
          options.onProgress?.(sink.count, at + 1, files.length);
        }
      };
      if (files.length === 1) await read();
      else
        await unlessDamaged(read, (reason) =>
          sink.take([{ kind: "problem", type: ROWS, where: path, reason }]),
        );
    }
    await sink.take(reader?.rest() ?? []);
    await sink.flush();
  } finally {
    engine?.close();
  }
  await options.door.settle();
  return sink.tally.report(options.path, 0);
}

/** A damaged file among several does not keep the others out: it is counted, and named. */
async function unlessDamaged(
  work: () => Promise<void>,
  told: (reason: string) => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof CounterfoilError) || error.code !== "CF_IMPORT_FILE_INVALID") throw error;
    await told(error.message);
  }
}

async function* itemsOfRows(
  path: string,
  {
    format,
    itemsOf,
    opened,
  }: {
    readonly format: TraceFormat;
    readonly itemsOf: (where: string, row: JsonObject) => TraceItem[] | undefined;
    readonly opened: () => Promise<FileEngine>;
  },
): AsyncGenerator<readonly TraceItem[]> {
  for await (const row of rowsOfFile(path, opened)) {
    const items = "problem" in row ? undefined : itemsOf(row.where, row.row);
    const reason = "problem" in row ? row.problem : `it is nothing that ${format} writes`;
    yield items ?? [{ kind: "problem", type: ROWS, where: row.where, reason }];
  }
}

type SpanItem = Extract<TraceItem, { kind: "span" }>;

class TraceSink {
  readonly tally = new ImportTally([SPANS, INLINE, FEEDBACK, ROWS]);
  readonly #options: TraceImportOptions;
  readonly #seen = new Set<string>();
  #spans: SpanItem[] = [];
  #feedback: ChangeRecord[] = [];
  count = 0;

  constructor(options: TraceImportOptions) {
    this.#options = options;
  }

  async take(items: readonly TraceItem[]): Promise<void> {
    for (const item of items) {
      this.count++;
      if (item.kind === "problem") {
        this.tally.found(item.type);
        this.tally.skipped(item.type, item.where, item.reason);
      } else if (item.kind === "span") this.#takeSpan(item);
      else this.#takeFeedback(item);
      if (this.#spans.length >= IMPORT_BATCH_RUNS_MAX) await this.#storeSpans();
      if (this.#feedback.length >= IMPORT_BATCH_RUNS_MAX) await this.#storeFeedback();
      if (this.#seen.size > IMPORT_IDS_REMEMBERED) await this.#forget();
    }
  }

  /** What was stored is in the mirror from then on. */
  async #forget(): Promise<void> {
    await this.flush();
    await this.#options.door.settle();
    this.#seen.clear();
  }

  async flush(): Promise<void> {
    await this.#storeSpans();
    await this.#storeFeedback();
  }

  #takeSpan(item: SpanItem): void {
    this.tally.found(SPANS);
    const inline = evaluationsOfSpan(item.span).length;
    if (inline > 0) this.tally.found(INLINE, inline);
    const key = keyOf(item.span);
    if (this.#seen.has(key)) this.#unchanged(item);
    else this.#spans.push(item);
    this.#seen.add(key);
  }

  #unchanged({ span }: SpanItem): void {
    this.tally.unchanged(SPANS);
    const inline = evaluationsOfSpan(span).length;
    if (inline > 0) this.tally.unchanged(INLINE, inline);
  }

  #takeFeedback({ data, id, time, where }: Extract<TraceItem, { kind: "feedback" }>): void {
    this.tally.found(FEEDBACK);
    const known = recordTypeOf("feedback");
    try {
      if (known !== undefined) checkRecord(known, data);
    } catch (error) {
      this.tally.skipped(FEEDBACK, where, errorMessage(error));
      return;
    }
    if (this.#seen.has(id)) this.tally.unchanged(FEEDBACK);
    else this.#feedback.push({ type: "feedback", id, op: "put", time, source: "import", data });
    this.#seen.add(id);
  }

  async #storeSpans(): Promise<void> {
    const items = this.#spans;
    this.#spans = [];
    if (items.length === 0) return;
    const here = await this.#endsHere(items);
    const missing: SpanItem[] = [];
    for (const item of items) {
      if (here.get(keyOf(item.span)) === String(item.span.endTimeUnixNano)) this.#unchanged(item);
      else missing.push(item);
    }
    const encode = (part: readonly SpanItem[]): Uint8Array =>
      encodeOtlp("traces", { resourceSpans: this.#requestOf(part) });
    await inRequests(missing, encode, (part, payload) => this.#append(part, payload));
  }

  /** Ends of the spans that are here, by {@link keyOf}; "0" for one that has none. */
  async #endsHere(items: readonly SpanItem[]): Promise<Map<string, string>> {
    const traces = [...new Set(items.map(({ span }) => span.traceId))];
    const spans = [...new Set(items.map(({ span }) => span.spanId))];
    const marks = (from: number, list: readonly string[]): string =>
      list.map((_, n) => `$${from + n}`).join(", ");
    const rows = await this.#options.read(
      `SELECT trace_id || span_id AS key, coalesce(epoch_ns(end_time), 0)::VARCHAR AS end_ns FROM spans
WHERE trace_id IN (${marks(1, traces)}) AND span_id IN (${marks(1 + traces.length, spans)})`,
      [...traces, ...spans],
    );
    return new Map(
      rows.flatMap(({ key, end_ns: end }) =>
        typeof key === "string" && typeof end === "string" ? [[key, end] as const] : [],
      ),
    );
  }

  async #append(items: readonly SpanItem[], payload: Uint8Array): Promise<void> {
    const { itemCount, reason, rejected } = scanRequest("traces", payload);
    const inline = items.reduce((sum, { span }) => sum + evaluationsOfSpan(span).length, 0);
    if (rejected > 0 || itemCount !== items.length) {
      for (const { where } of items) this.tally.skipped(SPANS, where, reason);
      return;
    }
    await this.#options.door.append([{ signal: "traces", payload, itemCount, receivedUnixNano: undefined }]);
    this.tally.stored(SPANS, items.length);
    if (inline > 0) this.tally.stored(INLINE, inline);
  }

  #requestOf(items: readonly SpanItem[]): ResourceSpans[] {
    const request: ResourceSpans[] = [];
    let [resource, scope]: [unknown, unknown] = [request, request];
    for (const item of items) {
      if (item.resource !== resource || request.length === 0) {
        request.push({
          ...(item.resource === undefined ? {} : { resource: item.resource }),
          scopeSpans: [],
          schemaUrl: "",
        });
        [resource, scope] = [item.resource, request];
      }
      const last = request.at(-1);
      if (item.scope !== scope) {
        last?.scopeSpans.push({
          ...(item.scope === undefined ? {} : { scope: item.scope }),
          spans: [],
          schemaUrl: "",
        });
        scope = item.scope;
      }
      last?.scopeSpans.at(-1)?.spans.push(this.#inProject(item));
    }
    return request;
  }

  #inProject({ span }: SpanItem): SpanItem["span"] {
    const { project } = this.#options;
    if (project === undefined) return span;
    const attributes = span.attributes.filter(({ key }) => key !== ATTR_PROJECT);
    return { ...span, attributes: [...attributes, textAttribute(ATTR_PROJECT, project)] };
  }

  async #storeFeedback(): Promise<void> {
    const changes = this.#feedback;
    this.#feedback = [];
    if (changes.length === 0) return;
    const missing = await missingRecords({ rows: this.#options.read }, changes);
    this.tally.unchanged(FEEDBACK, changes.length - missing.length);
    await inRequests(missing, encodeRecords, async ({ length }, payload) => {
      await this.#options.door.append([
        { signal: "records", payload, itemCount: length, receivedUnixNano: undefined },
      ]);
      this.tally.stored(FEEDBACK, length);
    });
  }
}

/** All in order, in requests of a few megabytes at most where that is more than one item: a server has a bound for each. */
async function inRequests<T>(
  items: readonly T[],
  encode: (items: readonly T[]) => Uint8Array,
  send: (items: readonly T[], payload: Uint8Array) => Promise<void>,
): Promise<void> {
  if (items.length === 0) return;
  const payload = encode(items);
  if (payload.length <= IMPORT_BATCH_BYTES || items.length === 1) return send(items, payload);
  const middle = Math.ceil(items.length / 2);
  await inRequests(items.slice(0, middle), encode, send);
  await inRequests(items.slice(middle), encode, send);
}

function keyOf({ spanId, traceId }: SpanItem["span"]): string {
  return traceId + spanId;
}
