import { BODY_BUFFERS_IDLE_BYTES_MAX } from "../../../schema/index.js";

/** Below this a fresh buffer costs less than keeping one. */
const POOLED_BYTES_MIN = 64 * 1024;

/**
 * Buffers for request bodies, used again. A fresh buffer of a megabyte for each request costs twice: the kernel clears
 * its pages, and V8 collects garbage far too often because memory outside its heap piles up.
 */
export class BodyBuffers {
  readonly #idle = new Map<number, ArrayBuffer[]>();
  #idleBytes = 0;

  /** A buffer of exactly `length` bytes whose content is anything. */
  take(length: number): Buffer {
    if (length < POOLED_BYTES_MIN) return Buffer.allocUnsafeSlow(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const found = this.#idle.get(size)?.pop();
    if (found !== undefined) this.#idleBytes -= size;
    return Buffer.from(found ?? Buffer.allocUnsafeSlow(size).buffer, 0, length);
  }

  /** Gives back what `take` returned, once nobody reads it any more. Anything else is ignored. */
  give(buffer: Uint8Array): void {
    const memory = buffer.buffer;
    const size = memory.byteLength;
    if (!(memory instanceof ArrayBuffer) || size < POOLED_BYTES_MIN || buffer.byteOffset !== 0) return;
    if (2 ** Math.round(Math.log2(size)) !== size) return;
    if (this.#idleBytes + size > BODY_BUFFERS_IDLE_BYTES_MAX) return;
    const same = this.#idle.get(size);
    if (same === undefined) this.#idle.set(size, [memory]);
    else same.push(memory);
    this.#idleBytes += size;
  }
}
