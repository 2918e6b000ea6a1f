const HASH_SLOTS_MIN = 64;

/**
 * Finds a byte range among a fixed set of ASCII strings without making a string of it. Five bytes and the length are
 * hashed, then the candidate is compared whole, so a hit is always exact.
 */
export class KeyTable {
  readonly #slots: Int16Array;
  readonly #mask: number;
  readonly #keys: Uint8Array[];

  /** `keys[i]` gets the id `i`. Throws when a key occurs twice: two meanings for one name is a mistake in a table. */
  constructor(keys: readonly string[]) {
    let size = HASH_SLOTS_MIN;
    while (size < keys.length * 8) size *= 2;
    this.#mask = size - 1;
    this.#slots = new Int16Array(size).fill(-1);
    this.#keys = keys.map((key) => Buffer.from(key, "utf8"));
    for (const [id, key] of this.#keys.entries()) {
      if (this.find(key, 0, key.length) >= 0) throw new Error(`key listed twice: ${keys[id] ?? ""}`);
      let slot = hash(key, 0, key.length) & this.#mask;
      while ((this.#slots[slot] ?? -1) >= 0) slot = (slot + 1) & this.#mask;
      this.#slots[slot] = id;
    }
  }

  /** The id of the key that equals the range, or -1. */
  find(bytes: Uint8Array, offset: number, length: number): number {
    return length === 0 ? -1 : this.findHashed(hash(bytes, offset, length), bytes, offset, length);
  }

  /** The same for a caller that has made the {@link hash} of the range, which is not empty. */
  findHashed(hashed: number, bytes: Uint8Array, offset: number, length: number): number {
    let slot = hashed & this.#mask;
    for (;;) {
      const id = this.#slots[slot] as number;
      if (id < 0) return -1;
      const key = this.#keys[id] as Uint8Array;
      if (key.length === length) {
        let i = length - 1;
        while (i >= 0 && key[i] === bytes[offset + i]) i--;
        if (i < 0) return id;
      }
      slot = (slot + 1) & this.#mask;
    }
  }
}

/** Spread of the five bytes that tell attribute names apart best: first, last, middle and two near the end. */
export function hash(bytes: Uint8Array, offset: number, length: number): number {
  const first = bytes[offset] as number;
  const last = bytes[offset + length - 1] as number;
  const middle = bytes[offset + (length >> 1)] as number;
  const late = bytes[offset + length - (length >> 2) - 1] as number;
  const early = bytes[offset + (length >> 2)] as number;
  return length * 37 + first * 7 + last * 131 + middle * 31 + late * 17 + early * 61;
}
