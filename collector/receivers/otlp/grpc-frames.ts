import { CounterfoilError } from "../../../schema/index.js";
import { overloaded } from "../../ingest/ingest-errors.js";
import type { Reservation } from "../../ingest/admission.js";
import { bodyBuffers } from "./body-buffers.js";

/** gRPC's length-prefixed message (grpc/grpc `doc/PROTOCOL-HTTP2.md`): one flag byte, four length bytes. */
const PREFIX_BYTES = 5;

/** One message of a unary call, still compressed when `compressed` is set. */
export interface GrpcMessage {
  readonly compressed: boolean;
  readonly bytes: Uint8Array;
}

/**
 * Puts a unary call's message together from DATA frames cut anywhere, into one buffer of exactly the announced size,
 * the caller's until it gives it back to {@link bodyBuffers}. Throws CF_OVERLOADED when that size does not fit,
 * CF_BODY_TOO_LARGE as soon as the prefix announces more than `bytesMax`, and CF_REQUEST_INVALID for anything but
 * exactly one whole message.
 */
export class GrpcMessageReader {
  readonly #bytesMax: number;
  readonly #reservation: Reservation;
  readonly #prefix = Buffer.alloc(PREFIX_BYTES);
  #prefixSize = 0;
  #message: Buffer | undefined;
  #messageSize = 0;

  constructor(options: { bytesMax: number; reservation: Reservation }) {
    this.#bytesMax = options.bytesMax;
    this.#reservation = options.reservation;
  }

  /** Takes the next DATA frame. */
  push(chunk: Buffer): void {
    if (!this.#reservation.received(chunk.length)) throw overloaded();
    let at = 0;
    if (this.#message === undefined) {
      at = chunk.copy(this.#prefix, this.#prefixSize, 0, PREFIX_BYTES - this.#prefixSize);
      this.#prefixSize += at;
      if (this.#prefixSize < PREFIX_BYTES) return;
      this.#message = this.#allocate();
    }
    const room = this.#message.length - this.#messageSize;
    if (chunk.length - at > room) {
      throw new CounterfoilError(
        "CF_REQUEST_INVALID",
        "The call carries more than one message; Export takes one.",
      );
    }
    chunk.copy(this.#message, this.#messageSize, at);
    this.#messageSize += chunk.length - at;
  }

  /** The memory taken so far goes back: the message is not wanted any more. */
  abandon(): void {
    if (this.#message !== undefined) bodyBuffers.give(this.#message);
    this.#message = undefined;
  }

  /** The stream ended: the message, which must be whole. */
  finish(): GrpcMessage {
    if (this.#message === undefined || this.#messageSize < this.#message.length) {
      throw new CounterfoilError("CF_REQUEST_INVALID", "The call ended before its message was complete.");
    }
    return { compressed: this.#prefix[0] === 1, bytes: this.#message };
  }

  #allocate(): Buffer {
    const flag = this.#prefix.readUInt8(0);
    if (flag > 1) {
      throw new CounterfoilError(
        "CF_REQUEST_INVALID",
        `The message's compression flag is ${flag}; 0 and 1 are known.`,
      );
    }
    const length = this.#prefix.readUInt32BE(1);
    if (length > this.#bytesMax) {
      throw new CounterfoilError(
        "CF_BODY_TOO_LARGE",
        `The message has ${length} bytes, more than ${this.#bytesMax}. Send smaller batches, or raise max_recv_msg_size.`,
      );
    }
    // Refused before there is a buffer for it, whatever was announced.
    if (!this.#reservation.claim(PREFIX_BYTES + length)) throw overloaded();
    return bodyBuffers.take(length);
  }
}

/** A message with its prefix, uncompressed, ready to send. */
export function frameMessage(bytes: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + bytes.length);
  frame.writeUInt8(0, 0);
  frame.writeUInt32BE(bytes.length, 1);
  frame.set(bytes, PREFIX_BYTES);
  return frame;
}

/** `grpc-message` as the protocol wants it: UTF-8, everything but printable ASCII (and `%`) percent-encoded. */
export function encodeGrpcMessage(text: string): string {
  return [...Buffer.from(text, "utf8")]
    .map((byte) =>
      byte >= 0x20 && byte <= 0x7e && byte !== 0x25
        ? String.fromCharCode(byte)
        : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}
