import { WIRE_BYTES, WireReader } from "./wire-reader.js";
import { WireWriter } from "./wire-writer.js";

/** Levels above an item: the request's resources, and their scopes. */
const ITEM_LEVEL = 2;
/** In a request field 1 holds the resources, in a resource field 2 the scopes, in a scope field 2 the items. */
const CONTENT_NUMBERS = [1, 2, 2];

/**
 * Copies a valid traces or logs request without the items whose tags are at the given offsets, which ascend. Only the
 * lengths of the messages around a cut item change; every other byte, unknown fields included, stays.
 */
export function cutItems(body: Uint8Array, cutAt: readonly number[]): Uint8Array {
  return new Cutter(body, cutAt).cut();
}

/**
 * Two passes, first the new sizes, then the bytes: a request may hold millions of items, too many for an object or a
 * part of its own for each.
 */
class Cutter {
  readonly #reader: WireReader;
  readonly #cutAt: readonly number[];
  #nextCut = 0;
  /** New sizes of the messages around items, in the order in which they begin. */
  readonly #sizes: number[] = [];
  #nextSize = 0;
  #out = Buffer.alloc(0);
  #written = 0;
  /** Bytes from here to the reader's position are kept and not copied yet. */
  #keptFrom = 0;

  constructor(body: Uint8Array, cutAt: readonly number[]) {
    this.#reader = new WireReader(body);
    this.#cutAt = cutAt;
  }

  cut(): Uint8Array {
    this.#out = Buffer.allocUnsafeSlow(this.#measure(0));
    this.#nextCut = 0;
    this.#reader.pos = 0;
    this.#write(0);
    this.#keep(this.#reader.pos);
    return new Uint8Array(this.#out.buffer, this.#out.byteOffset, this.#out.length);
  }

  /** The size that the message up to the reader's limit will have. */
  #measure(level: number): number {
    const reader = this.#reader;
    let size = reader.limit - reader.pos;
    while (reader.more()) {
      const at = reader.pos;
      if (!this.#isContent(level)) continue;
      const lengthAt = reader.pos;
      const outer = reader.enter();
      const { pos: start, limit: end } = reader;
      if (level < ITEM_LEVEL) {
        const index = this.#sizes.push(0) - 1;
        const inner = this.#measure(level + 1);
        this.#sizes[index] = inner;
        if (inner !== end - start) size -= end - lengthAt - inner - encodedLength(inner).length;
      } else if (this.#isCut(at)) size -= end - at;
      reader.pos = end;
      reader.leave(outer);
    }
    return size;
  }

  #write(level: number): void {
    const reader = this.#reader;
    while (reader.more()) {
      const at = reader.pos;
      if (!this.#isContent(level)) continue;
      const lengthAt = reader.pos;
      const outer = reader.enter();
      const { pos: start, limit: end } = reader;
      if (level < ITEM_LEVEL) {
        const size = this.#sizes[this.#nextSize++] ?? 0;
        if (size !== end - start) {
          this.#keep(lengthAt);
          const length = encodedLength(size);
          this.#out.set(length, this.#written);
          this.#written += length.length;
          this.#keptFrom = start;
        }
        this.#write(level + 1);
      } else if (this.#isCut(at)) {
        this.#keep(at);
        this.#keptFrom = end;
      }
      reader.pos = end;
      reader.leave(outer);
    }
  }

  /** Reads a tag; of a field that holds no items it skips the rest as well. */
  #isContent(level: number): boolean {
    const tag = this.#reader.tag();
    if (tag >>> 3 === CONTENT_NUMBERS[level] && (tag & 7) === WIRE_BYTES) return true;
    this.#reader.skip(tag & 7);
    return false;
  }

  #isCut(at: number): boolean {
    if (this.#cutAt[this.#nextCut] !== at) return false;
    this.#nextCut++;
    return true;
  }

  /** Copies what is kept up to `end`. */
  #keep(end: number): void {
    this.#written += this.#reader.bytes.copy(this.#out, this.#written, this.#keptFrom, end);
    this.#keptFrom = end;
  }
}

function encodedLength(size: number): Uint8Array {
  const writer = new WireWriter();
  writer.varint(size);
  return writer.finish();
}
