/** What a collector answers: Export*ServiceResponse and google.rpc.Status, in protobuf and in protobuf's JSON. */
import { malformed } from "./malformed.js";
import { parseJson } from "./json-parse.js";
import { READ_JSON } from "./json-scalars.js";
import type { Signal } from "./types.js";
import { WIRE_BYTES, WIRE_VARINT, WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

/** The two encodings of OTLP/HTTP: an answer uses that of its request. */
export type OtlpFormat = "protobuf" | "json";

/** A partial success: `rejected` items and why; both empty for a full success, 0 and a message for a warning. */
export interface ExportResponse {
  readonly rejected: number;
  readonly message: string;
}

/** google.rpc.Status. `code` is a google.rpc.Code (gRPC's numbers); the delay is sent as google.rpc.RetryInfo. */
export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  readonly retryDelaySeconds?: number;
}

const REJECTED_NAMES: Readonly<Record<Signal, string>> = {
  traces: "rejectedSpans",
  logs: "rejectedLogRecords",
  metrics: "rejectedDataPoints",
};
const RETRY_INFO_URL = "type.googleapis.com/google.rpc.RetryInfo";
const NANOS_PER_SECOND = 1e9;
/** A full success in protobuf: a message without fields. */
const FULL_SUCCESS = new Uint8Array(0);

type Plain = Record<string, unknown>;

/** Encodes the answer to an accepted request; `partial_success` is left out when there is nothing to say. */
export function encodeExportResponse(
  signal: Signal,
  { rejected, message }: ExportResponse,
  format: OtlpFormat,
): Uint8Array {
  const isFull = rejected === 0 && message === "";
  if (format === "json") {
    const partial = {
      ...(rejected === 0 ? {} : { [REJECTED_NAMES[signal]]: String(rejected) }),
      ...(message === "" ? {} : { errorMessage: message }),
    };
    return Buffer.from(JSON.stringify(isFull ? {} : { partialSuccess: partial }));
  }
  if (isFull) return FULL_SUCCESS;
  const writer = new WireWriter();
  writeString(writer, 2, message);
  if (rejected !== 0) {
    writer.varint(rejected);
    writer.tag(1, WIRE_VARINT);
  }
  writer.lengthSince(0);
  writer.tag(1, WIRE_BYTES);
  return writer.finish();
}

/**
 * Decodes a destination's answer to an export.
 * @throws CF_OTLP_MALFORMED when it isn't one.
 */
export function decodeExportResponse(signal: Signal, bytes: Uint8Array, format: OtlpFormat): ExportResponse {
  let rejected = 0n;
  let message = "";
  if (format === "json") {
    const partial = member(bytes.length === 0 ? {} : parseJson(bytes), "partialSuccess");
    if (partial === undefined || partial === null) return { rejected: 0, message };
    rejected = scalar("int64", member(partial, REJECTED_NAMES[signal]) ?? 0, REJECTED_NAMES[signal]);
    message = scalar("string", member(partial, "errorMessage") ?? "", "errorMessage");
    return { rejected: Number(rejected), message };
  }
  const reader = new WireReader(bytes);
  eachField(reader, {
    [tagOf(1, WIRE_BYTES)]: () =>
      nested(reader, {
        [tagOf(1, WIRE_VARINT)]: () => (rejected = reader.int64()),
        [tagOf(2, WIRE_BYTES)]: () => (message = reader.string()),
      }),
  });
  return { rejected: Number(rejected), message };
}

/** Encodes the body of an error answer. */
export function encodeStatus(status: RpcStatus, format: OtlpFormat): Uint8Array {
  const { code, message, retryDelaySeconds } = status;
  if (format === "json") {
    const details =
      retryDelaySeconds === undefined
        ? {}
        : { details: [{ "@type": RETRY_INFO_URL, retryDelay: `${retryDelaySeconds}s` }] };
    return Buffer.from(JSON.stringify({ code, message, ...details }));
  }
  const writer = new WireWriter();
  if (retryDelaySeconds !== undefined) writeRetryInfo(writer, retryDelaySeconds);
  writeString(writer, 2, message);
  if (code !== 0) {
    writer.int32(code);
    writer.tag(1, WIRE_VARINT);
  }
  return writer.finish();
}

/** Status.details = Any{type_url, value = RetryInfo{Duration{seconds, nanos}}}, written inside out. */
function writeRetryInfo(writer: WireWriter, delaySeconds: number): void {
  const seconds = Math.floor(delaySeconds);
  const nanos = Math.round((delaySeconds - seconds) * NANOS_PER_SECOND);
  if (nanos !== 0) {
    writer.int32(nanos);
    writer.tag(2, WIRE_VARINT);
  }
  if (seconds !== 0) {
    writer.varint64(BigInt(seconds));
    writer.tag(1, WIRE_VARINT);
  }
  writer.lengthSince(0);
  writer.tag(1, WIRE_BYTES);
  writer.lengthSince(0);
  writer.tag(2, WIRE_BYTES);
  writeString(writer, 1, RETRY_INFO_URL);
  writer.lengthSince(0);
  writer.tag(3, WIRE_BYTES);
}

/**
 * Decodes an error answer. Details other than RetryInfo are skipped.
 * @throws CF_OTLP_MALFORMED when it isn't a Status.
 */
export function decodeStatus(bytes: Uint8Array, format: OtlpFormat): RpcStatus {
  return format === "json" ? statusFromJson(parseJson(bytes)) : statusFromWire(new WireReader(bytes));
}

function statusFromWire(reader: WireReader): RpcStatus {
  let code = 0;
  let message = "";
  let delay: number | undefined;
  eachField(reader, {
    [tagOf(1, WIRE_VARINT)]: () => (code = reader.int32()),
    [tagOf(2, WIRE_BYTES)]: () => (message = reader.string()),
    [tagOf(3, WIRE_BYTES)]: () => {
      let type = "";
      let value = new Uint8Array(0);
      nested(reader, {
        [tagOf(1, WIRE_BYTES)]: () => (type = reader.string()),
        [tagOf(2, WIRE_BYTES)]: () => (value = new Uint8Array(reader.bytesCopy())),
      });
      if (type === RETRY_INFO_URL) delay = retryDelay(new WireReader(value));
    },
  });
  return delay === undefined ? { code, message } : { code, message, retryDelaySeconds: delay };
}

function retryDelay(reader: WireReader): number {
  let seconds = 0n;
  let nanos = 0;
  eachField(reader, {
    [tagOf(1, WIRE_BYTES)]: () =>
      nested(reader, {
        [tagOf(1, WIRE_VARINT)]: () => (seconds = reader.int64()),
        [tagOf(2, WIRE_VARINT)]: () => (nanos = reader.int32()),
      }),
  });
  return Number(seconds) + nanos / NANOS_PER_SECOND;
}

function statusFromJson(body: unknown): RpcStatus {
  const code: number = scalar("int32", member(body, "code") ?? 0, "code");
  const message: string = scalar("string", member(body, "message") ?? "", "message");
  const details = member(body, "details") ?? [];
  if (!Array.isArray(details)) throw malformed("details must be a list");
  for (const detail of details as unknown[]) {
    if (member(detail, "@type") !== RETRY_INFO_URL) continue;
    const seconds = Number.parseFloat(scalar("string", member(detail, "retryDelay") ?? "0s", "retryDelay"));
    if (Number.isFinite(seconds)) return { code, message, retryDelaySeconds: seconds };
  }
  return { code, message };
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) throw malformed(`an answer without the object of ${name}`);
  return Object.hasOwn(value, name) ? (value as Plain)[name] : undefined;
}

function scalar<T>(type: "int64" | "int32" | "string", value: unknown, name: string): T {
  const read = READ_JSON[type](value);
  if (read === undefined) throw malformed(`${name} is not of its type in the answer`);
  return read as T;
}

function tagOf(number: number, wireType: number): number {
  return number * 8 + wireType;
}

type Handlers = Readonly<Record<number, () => unknown>>;

function eachField(reader: WireReader, handlers: Handlers): void {
  while (reader.more()) {
    const tag = reader.tag();
    const handle = handlers[tag];
    if (handle === undefined) reader.skip(tag & 7);
    else handle();
  }
}

function nested(reader: WireReader, handlers: Handlers): void {
  const outer = reader.enter();
  eachField(reader, handlers);
  reader.leave(outer);
}

function writeString(writer: WireWriter, number: number, value: string): void {
  if (value === "") return;
  writer.string(value);
  writer.tag(number, WIRE_BYTES);
}
