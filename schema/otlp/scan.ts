import { ANY_VALUE_DEPTH_MAX } from "../limits.js";
import { CounterfoilError } from "../errors.js";
import { COMPILED, ROOTS, type Message } from "./compiled.js";
import { cutItems } from "./cut.js";
import { malformed, tooDeep } from "./malformed.js";
import { plainAttributeEnd } from "./plain-attribute.js";
import { scopeNames } from "./scope-names.js";
import type { Signal } from "./types.js";
import { WIRE_BYTES, WIRE_FIXED64, WIRE_VARINT, WireReader } from "./wire-reader.js";

/** What {@link scanRequest} found. */
export interface ScanResult {
  /** Items accepted: spans, log records or metric data points. */
  readonly itemCount: number;
  /** Items cut out because their ids are invalid. */
  readonly rejected: number;
  /** Why items were cut out; "" when none were. */
  readonly reason: string;
  /** The request to store: the instance given when nothing was cut out. */
  readonly body: Uint8Array;
}

/** More fields than the largest body has bytes, and still a small integer for V8. */
const STEPS_UNLIMITED = 2 ** 31 - 1;
/** Names of scopes in an error message. */
const SCOPES_NAMED_MAX = 5;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/** Tags of the ids: field number * 8 + wire type 2. A log record has no parent. */
const SPAN_TAGS = { traceTag: 0x0a, spanTag: 0x12, parentTag: 0x22 };
const LOG_RECORD_TAGS = { traceTag: 0x4a, spanTag: 0x52, parentTag: 0 };

const KEY_VALUE = COMPILED.KeyValue;
const METRIC = COMPILED.Metric;
const ITEM_MESSAGES = new Set<Message>([COMPILED.Span, COMPILED.LogRecord]);
const POINT_HOLDERS = new Set<Message>([
  COMPILED.Gauge,
  COMPILED.Sum,
  COMPILED.Histogram,
  COMPILED.ExponentialHistogram,
  COMPILED.Summary,
]);

/**
 * Validates a whole request without building objects: it accepts exactly what `decodeOtlp` decodes. Spans need a
 * 16-byte trace id and an 8-byte span id, neither all zero, and an empty or 8-byte parent id; log records need empty or
 * right-sized ids. Items that break this are cut out of `body`, every other byte staying as it was. Ids in links are
 * left alone.
 * @throws CF_OTLP_MALFORMED for a broken message, or a traces request in which no span has valid ids;
 * CF_OTLP_TOO_DEEP beyond `depthMax` (ANY_VALUE_DEPTH_MAX) nested values.
 */
export function scanRequest(
  signal: Signal,
  body: Uint8Array,
  options: { depthMax?: number } = {},
): ScanResult {
  const depthMax = options.depthMax ?? ANY_VALUE_DEPTH_MAX;
  const result = scanWithin(signal, body, { depthMax, stepsMax: STEPS_UNLIMITED });
  if (result === undefined) throw malformed("more fields than can be counted");
  return result;
}

/**
 * {@link scanRequest}, given up after `stepsMax` fields: undefined then. A field takes 10 to 60 ns (and up to 250 ns
 * when it is an item to cut out), so the limit bounds the time, which the size of a body does not: 20 MiB may hold a few
 * messages or ten million empty spans.
 */
export function scanRequestWithin(
  signal: Signal,
  body: Uint8Array,
  stepsMax: number,
): ScanResult | undefined {
  return scanWithin(signal, body, { depthMax: ANY_VALUE_DEPTH_MAX, stepsMax });
}

interface ScanLimits {
  readonly depthMax: number;
  readonly stepsMax: number;
}

function scanWithin(signal: Signal, body: Uint8Array, limits: ScanLimits): ScanResult | undefined {
  const scanner = new Scanner(body, signal, limits);
  try {
    scanner.scan(ROOTS[signal], 0);
  } catch (error) {
    if (error === OUT_OF_STEPS) return undefined;
    throw signal === "traces" ? withLogsHint(error, body, limits) : error;
  }
  const { itemCount, rejectedAt } = scanner;
  const rejected = rejectedAt.length;
  if (rejected === 0) return { itemCount, rejected, reason: "", body };
  if (signal === "traces" && itemCount === 0) throw noValidIds(rejected, body);
  const reason = `${rejected} ${signal === "traces" ? "span(s)" : "log record(s)"} rejected: ${scanner.fault}`;
  return { itemCount, rejected, reason, body: cutItems(body, rejectedAt) };
}

/** Thrown inside a scan only. One instance, so that no stack is taken. */
const OUT_OF_STEPS = new Error("the scan has used up its steps");

/** One pass over a request. A message's table decides which fields to walk into; the rest is skipped by length. */
class Scanner {
  itemCount = 0;
  /** Where the tags of the rejected items are. */
  readonly rejectedAt: number[] = [];
  /** What was wrong with the first rejected item. */
  fault = "";
  readonly #reader: WireReader;
  readonly #depthMax: number;
  #stepsLeft: number;
  readonly #isTraces: boolean;
  readonly #tags: { readonly traceTag: number; readonly spanTag: number; readonly parentTag: number };

  constructor(bytes: Uint8Array, signal: Signal, { depthMax, stepsMax }: ScanLimits) {
    this.#reader = new WireReader(bytes);
    this.#depthMax = depthMax;
    this.#stepsLeft = stepsMax;
    this.#isTraces = signal === "traces";
    this.#tags = this.#isTraces ? SPAN_TAGS : LOG_RECORD_TAGS;
  }

  /** Scans one message up to the reader's limit. `depth` counts the arrays and key-value lists around it. */
  scan(message: Message, depth: number): void {
    const reader = this.#reader;
    const inside = message.container ? depth + 1 : depth;
    if (inside > this.#depthMax) throw tooDeep(this.#depthMax, `at byte ${reader.pos}`);
    while (reader.more()) {
      this.#step();
      const at = reader.pos;
      const tag = reader.tag();
      const field = message.byTag[tag];
      if (field === undefined || (tag & 7) !== WIRE_BYTES) {
        reader.skip(tag & 7);
        continue;
      }
      const child = field.message;
      if (child === undefined) {
        if (field.wireType === WIRE_BYTES) reader.skip(WIRE_BYTES);
        else this.#scanPacked(field.wireType);
        continue;
      }
      if (child === KEY_VALUE && this.#skipPlainAttribute()) continue;
      const outer = reader.enter();
      if (ITEM_MESSAGES.has(child)) this.#scanItem(child, at);
      else if (child === METRIC) this.#scanMetric();
      else this.scan(child, inside);
      reader.leave(outer);
    }
  }

  #step(): void {
    if (--this.#stepsLeft < 0) throw OUT_OF_STEPS;
  }

  #skipPlainAttribute(): boolean {
    const reader = this.#reader;
    const end = plainAttributeEnd(reader.bytes, reader.pos, reader.limit);
    if (end !== -1) reader.pos = end;
    return end !== -1;
  }

  #scanPacked(wireType: number): void {
    const reader = this.#reader;
    const outer = reader.enter();
    if (wireType === WIRE_FIXED64 && (reader.limit - reader.pos) % 8 === 0) reader.pos = reader.limit;
    while (reader.more()) {
      this.#step();
      reader.skip(wireType === WIRE_FIXED64 ? WIRE_FIXED64 : WIRE_VARINT);
    }
    reader.leave(outer);
  }

  /** A span or a log record, whose tag is at `itemAt`. */
  #scanItem(message: Message, itemAt: number): void {
    const reader = this.#reader;
    const { traceTag, spanTag, parentTag } = this.#tags;
    let traceAt = 0;
    let traceBytes = 0;
    let spanAt = 0;
    let spanBytes = 0;
    let parentBytes = 0;
    while (reader.more()) {
      this.#step();
      const tag = reader.tag();
      const child = message.byTag[tag]?.message;
      if (child !== undefined) {
        if (child === KEY_VALUE && this.#skipPlainAttribute()) continue;
        const outer = reader.enter();
        this.scan(child, 0);
        reader.leave(outer);
      } else if ((tag & 7) === WIRE_BYTES) {
        const length = reader.length();
        if (tag === traceTag) {
          traceAt = reader.pos;
          traceBytes = length;
        } else if (tag === spanTag) {
          spanAt = reader.pos;
          spanBytes = length;
        } else if (tag === parentTag) parentBytes = length;
        reader.pos += length;
      } else reader.skip(tag & 7);
    }
    let fault = this.#idFault("trace id", TRACE_ID_BYTES, traceAt, traceBytes);
    if (fault === "") fault = this.#idFault("span id", SPAN_ID_BYTES, spanAt, spanBytes);
    if (fault === "" && parentBytes !== 0 && parentBytes !== SPAN_ID_BYTES) {
      fault = `parent span id of ${parentBytes} bytes (must be ${SPAN_ID_BYTES}, or empty)`;
    }
    if (fault === "") this.itemCount++;
    else {
      this.rejectedAt.push(itemAt);
      if (this.fault === "") this.fault = fault;
    }
  }

  #idFault(name: string, size: number, at: number, length: number): string {
    if (length === size) {
      if (!this.#isTraces) return "";
      for (let index = at; index < at + size; index++) if (this.#reader.bytes[index] !== 0) return "";
      return `${name} all zero`;
    }
    if (length === 0 && !this.#isTraces) return "";
    return length === 0 ? `${name} missing` : `${name} of ${length} bytes (must be ${size})`;
  }

  /** A metric counts as many items as the data points that decoding keeps: of several kinds sent, the last. */
  #scanMetric(): void {
    const reader = this.#reader;
    let points = 0;
    let kind = 0;
    while (reader.more()) {
      this.#step();
      const tag = reader.tag();
      const child = METRIC.byTag[tag]?.message;
      if (child === undefined) {
        reader.skip(tag & 7);
        continue;
      }
      const outer = reader.enter();
      if (POINT_HOLDERS.has(child)) {
        if (tag !== kind) points = 0;
        kind = tag;
        points += this.#scanPoints(child);
      } else this.scan(child, 0);
      reader.leave(outer);
    }
    this.itemCount += points;
  }

  #scanPoints(holder: Message): number {
    const reader = this.#reader;
    let points = 0;
    while (reader.more()) {
      this.#step();
      const tag = reader.tag();
      const child = holder.byTag[tag]?.message;
      if (child === undefined) {
        reader.skip(tag & 7);
        continue;
      }
      points++;
      const outer = reader.enter();
      this.scan(child, 0);
      reader.leave(outer);
    }
    return points;
  }
}

function noValidIds(rejected: number, body: Uint8Array): CounterfoilError {
  const names = scopeNames(body, SCOPES_NAMED_MAX + 1);
  const shown = names.slice(0, SCOPES_NAMED_MAX).map((name) => JSON.stringify(name.slice(0, 100)));
  return malformed(
    `none of the ${rejected} span(s) has a valid trace id and span id; scopes seen: ${shown.join(", ")}` +
      `${names.length > SCOPES_NAMED_MAX ? ", ..." : ""} (looks like logs sent to the traces path?)`,
  );
}

/** Log records on the traces path mostly break as spans: say so when the body is a good logs request. */
function withLogsHint(error: unknown, body: Uint8Array, limits: ScanLimits): unknown {
  if (!(error instanceof CounterfoilError) || error.code !== "CF_OTLP_MALFORMED") return error;
  try {
    if ((scanWithin("logs", body, limits)?.itemCount ?? 0) === 0) return error;
  } catch {
    return error;
  }
  return new CounterfoilError(
    error.code,
    `${error.message}; it reads as logs: were they sent to the traces path?`,
  );
}
