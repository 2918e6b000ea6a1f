import { randomBytes } from "node:crypto";
import type { Body } from "./bodies.js";
import { changeGzipIds } from "./gzip-body.js";

/** Numbers that no other run of the generator is likely to use: each is one request's change to its trace ids. */
let next = randomBytes(4).readUInt32LE();

/**
 * A body inside a request's buffer, made new before each sending: trace ids not sent before, alike for equal ids, and
 * times that end now. Costs about 2 ns a changed word.
 */
export class FreshBody {
  readonly #ids: Uint32Array;
  readonly #times: Uint32Array;
  readonly #crcByBit: Uint32Array;
  readonly #view: DataView;
  #lastTime: number;
  #word = 0;

  /** `place` says where a byte of the body lies in `bytes`, which ends with the body. */
  constructor(
    readonly bytes: Buffer,
    body: Body,
    place: (offset: number) => number,
  ) {
    this.#ids = body.ids.map(place);
    this.#times = body.times.map(place);
    this.#crcByBit = body.crcByBit;
    this.#lastTime = body.lastTime;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** `nowMs`: when the body's last time is to be, Unix milliseconds. */
  freshen(nowMs = Date.now()): void {
    next = (next + 1) >>> 0;
    const change = (this.#word ^ next) >>> 0;
    this.#word = next;
    if (this.#crcByBit.length > 0) {
      changeGzipIds(this.bytes, { ids: this.#ids, crcByBit: this.#crcByBit }, change);
      return;
    }
    const view = this.#view;
    for (const at of this.#ids) view.setUint32(at, view.getUint32(at, true) ^ change, true);
    const step = timeWord(nowMs) - this.#lastTime;
    if (step === 0) return;
    this.#lastTime += step;
    for (const at of this.#times) view.setUint32(at, view.getUint32(at, true) + step, true);
  }
}

/** Upper 32 bits of the nanoseconds since 1970: steps of 4.3 s. */
function timeWord(unixMs: number): number {
  return Math.floor((unixMs * 1e6) / 2 ** 32);
}
