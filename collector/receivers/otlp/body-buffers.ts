import { BODY_BUFFERS_IDLE_BYTES_MAX, BODY_BUFFERS_IDLE_MS } from "../../../schema/index.js";

/** Below this a fresh buffer costs less than keeping one. */
const POOLED_BYTES_MIN = 8 * 1024;

interface Shelf {
  readonly buffers: ArrayBuffer[];
  /** Fewest buffers that lay here since the last sweep: so many were not needed. */
  unused: number;
}

/**
 * Buffers for request bodies, used again. A fresh buffer of a megabyte for each request costs twice: the kernel clears
 * its pages, and V8 collects garbage far too often because memory outside its heap piles up. What no request needed for
 * a while is given back to the system.
 */
export class BodyBuffers {
  readonly #shelves = new Map<number, Shelf>();
  #idleBytes = 0;
  #sweep: NodeJS.Timeout | undefined;

  /** Bytes kept for requests to come. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** A buffer of exactly `length` bytes whose content is anything. */
  take(length: number): Buffer {
    if (length < POOLED_BYTES_MIN) return Buffer.allocUnsafeSlow(length);
    const size = 2 ** Math.ceil(Math.log2(length));
    const shelf = this.#shelves.get(size);
    const found = shelf?.buffers.pop();
    if (shelf !== undefined && found !== undefined) {
      this.#idleBytes -= size;
      shelf.unused = Math.min(shelf.unused, shelf.buffers.length);
    }
    return Buffer.from(found ?? Buffer.allocUnsafeSlow(size).buffer, 0, length);
  }

  /** Gives back what `take` returned, once nobody reads it any more. Anything else is ignored. */
  give(buffer: Uint8Array): void {
    const memory = buffer.buffer;
    const size = memory.byteLength;
    if (!(memory instanceof ArrayBuffer) || size < POOLED_BYTES_MIN || buffer.byteOffset !== 0) return;
    if (2 ** Math.round(Math.log2(size)) !== size) return;
    if (this.#idleBytes + size > BODY_BUFFERS_IDLE_BYTES_MAX) return;
    const shelf = this.#shelves.get(size);
    if (shelf === undefined) this.#shelves.set(size, { buffers: [memory], unused: 0 });
    else shelf.buffers.push(memory);
    this.#idleBytes += size;
    this.#sweep ??= setInterval(() => this.#dropUnused(), BODY_BUFFERS_IDLE_MS).unref();
  }

  #dropUnused(): void {
    for (const [size, shelf] of this.#shelves) {
      shelf.buffers.length -= shelf.unused;
      this.#idleBytes -= shelf.unused * size;
      shelf.unused = shelf.buffers.length;
      if (shelf.buffers.length === 0) this.#shelves.delete(size);
    }
    if (this.#idleBytes > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

/** The ones that all receivers of this process share. */
export const bodyBuffers = new BodyBuffers();
