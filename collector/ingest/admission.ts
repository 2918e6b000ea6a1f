import { INFLIGHT_BYTES_MAX, STALLED_BODY_MS } from "../../schema/index.js";

/** Bytes that one request holds of the budget, from its first byte to its answer. */
export interface Reservation {
  /** The length has become known. False when it does not fit: refuse the request. */
  claim(bytes: number): boolean;
  /** More of the body came. False when that does not fit any more: refuse the request. */
  received(bytes: number): boolean;
  /**
   * Memory that appears on our side (a decompressed body). It holds back the next requests, and is false when all such
   * memory together would pass the bound: refuse the request. A request that alone has such memory is always granted more.
   */
  hold(bytes: number): boolean;
  /** Gives back what `hold` took. */
  drop(bytes: number): void;
  /** Gives everything back. Safe to call twice. */
  release(): void;
}

interface Slot {
  claimed: number;
  received: number;
  held: number;
  charged: number;
  readonly since: number;
}

/**
 * Admission by bytes in flight (I9): what a request declares is reserved before its body is read, so that those let in
 * finish quickly under overload. A body that stalls loses its claim and counts only for what came, so that a few slow
 * clients with large Content-Lengths can't lock everyone out.
 */
export class Admission {
  readonly bytesMax: number;
  readonly #stalledMs: number;
  readonly #slots = new Set<Slot>();
  #bytes = 0;
  #held = 0;
  #sweep: NodeJS.Timeout | undefined;

  constructor(options: { bytesMax?: number; stalledMs?: number } = {}) {
    this.bytesMax = options.bytesMax ?? INFLIGHT_BYTES_MAX;
    this.#stalledMs = options.stalledMs ?? STALLED_BODY_MS;
  }

  /** Bytes reserved now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Requests that hold a reservation now. */
  get requests(): number {
    return this.#slots.size;
  }

  /** Reserves `claimed` bytes (0 when the length is unknown); undefined when they don't fit. */
  reserve(claimed: number): Reservation | undefined {
    if (this.#bytes + claimed > this.bytesMax) return undefined;
    const slot: Slot = { claimed, received: 0, held: 0, charged: 0, since: Date.now() };
    this.#slots.add(slot);
    this.#charge(slot);
    this.#sweep ??= setInterval(() => this.#expireClaims(), this.#stalledMs / 2).unref();
    return {
      claim: (bytes) => {
        if (bytes <= slot.claimed) return true;
        if (this.#bytes + bytes - Math.max(slot.claimed, slot.received) > this.bytesMax) return false;
        slot.claimed = bytes;
        this.#charge(slot);
        return true;
      },
      received: (bytes) => {
        slot.received += bytes;
        const grows = slot.received > slot.claimed;
        this.#charge(slot);
        return !grows || this.#bytes <= this.bytesMax;
      },
      hold: (bytes) => {
        if (this.#held > slot.held && this.#held + bytes > this.bytesMax) return false;
        this.#charge(slot, bytes);
        return true;
      },
      drop: (bytes) => this.#charge(slot, -bytes),
      release: () => this.#release(slot),
    };
  }

  #charge(slot: Slot, held = 0): void {
    if (!this.#slots.has(slot)) return;
    slot.held += held;
    this.#held += held;
    const due = Math.max(slot.claimed, slot.received) + slot.held;
    this.#bytes += due - slot.charged;
    slot.charged = due;
  }

  #release(slot: Slot): void {
    if (!this.#slots.delete(slot)) return;
    this.#bytes -= slot.charged;
    this.#held -= slot.held;
    if (this.#slots.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }

  #expireClaims(): void {
    const before = Date.now() - this.#stalledMs;
    for (const slot of this.#slots) {
      if (slot.since > before || slot.claimed === 0) continue;
      slot.claimed = 0;
      this.#charge(slot);
    }
  }
}
