import type { Body } from "./bodies.js";
import { FreshBody } from "./freshen.js";

/** One request, ready to be written to a socket. */
export interface LoadRequest {
  readonly body: FreshBody;
  readonly spans: number;
  /** Bytes before compression. */
  readonly rawBytes: number;
  /** gRPC: where the stream id stands in each frame. */
  readonly streamIds: Uint32Array;
}

/** An HTTP/1.1 POST around a body. */
export function httpRequest(
  body: Body,
  path: string,
  headers: Readonly<Record<string, string>>,
): LoadRequest {
  const lines = [
    `POST ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Content-Type: application/x-protobuf",
    ...(body.crcByBit.length > 0 ? ["Content-Encoding: gzip"] : []),
    `Content-Length: ${body.bytes.byteLength}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  const bytes = Buffer.concat([head, body.bytes]);
  const fresh = new FreshBody(bytes, body, (offset) => offset + head.length);
  return { body: fresh, spans: body.spans, rawBytes: body.rawBytes, streamIds: new Uint32Array() };
}

const FRAME_HEAD_BYTES = 9;
/** SETTINGS_MAX_FRAME_SIZE that every peer starts with. */
const FRAME_BYTES_MAX = 16_384;
const DATA = 0;
const HEADERS = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
const ID_BYTES = 4;

const GRPC_HEADERS: readonly (readonly [string, string])[] = [
  ["content-type", "application/grpc"],
  ["te", "trailers"],
];

/** HPACK without a table of its own: indexed `:method POST` and `:scheme http`, the rest as literals. */
function headerBlock(path: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86, 0x04]),
    text(path),
    Buffer.from([0x01]),
    text("127.0.0.1"),
    ...GRPC_HEADERS.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  ]);
}

function frameHead(length: number, type: number, flags: number): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = flags;
  return head;
}

/**
 * A unary gRPC call around a body as HTTP/2 frames. A frame ends early rather than inside a word that is changed before
 * each sending.
 */
export function grpcRequest(body: Body, path: string): LoadRequest {
  const block = headerBlock(path);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.bytes.length, 1);
  const message = Buffer.concat([prefix, body.bytes]);
  const words = [...body.ids, ...body.times].map((at) => at + prefix.length).sort((a, b) => a - b);
  const parts: Buffer[] = [frameHead(block.length, HEADERS, END_HEADERS), block];
  const streamIds = [5];
  let size = FRAME_HEAD_BYTES + block.length;
  /** Where each frame's payload starts, in the message and in the request. */
  const starts: { message: number; request: number }[] = [];
  let word = 0;
  for (let from = 0; from < message.length;) {
    let to = Math.min(from + FRAME_BYTES_MAX, message.length);
    while ((words[word] ?? Infinity) + ID_BYTES <= to) word++;
    to = Math.min(to, Math.max(words[word] ?? Infinity, from + 1));
    parts.push(
      frameHead(to - from, DATA, to === message.length ? END_STREAM : 0),
      message.subarray(from, to),
    );
    streamIds.push(size + 5);
    starts.push({ message: from, request: size + FRAME_HEAD_BYTES });
    size += FRAME_HEAD_BYTES + to - from;
    from = to;
  }
  const bytes = Buffer.concat(parts);
  const place = (offset: number): number => {
    const at = offset + prefix.length;
    const frame = starts.findLast((start) => start.message <= at) ?? { message: 0, request: 0 };
    return frame.request + at - frame.message;
  };
  const fresh = new FreshBody(bytes, body, place);
  return { body: fresh, spans: body.spans, rawBytes: body.rawBytes, streamIds: Uint32Array.from(streamIds) };
}
