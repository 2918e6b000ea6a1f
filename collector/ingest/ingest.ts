import type { Journal, PayloadEncoding } from "../../journal/index.js";
import {
  type ApiEntry,
  BODY_THREAD_LARGE_BYTES,
  CounterfoilError,
  type JournalSignal,
  type Signal,
} from "../../schema/index.js";
import type { Admission, Reservation } from "./admission.js";
import { BodyThread } from "./body-thread.js";
import { Decompressor } from "./decompress.js";
import { draining, overloaded, tooLarge } from "./ingest-errors.js";
import { readBodyInline, type BodyOrder, type ReadBody } from "./read-body.js";

/** How a request came in; labels of its counters. */
export interface Arrival {
  readonly signal: JournalSignal;
  readonly receiver: string;
  readonly transport: "http" | "grpc";
}

/** How an OTLP request came in. */
export interface OtlpArrival extends Arrival {
  readonly signal: Signal;
}

/**
 * One whole request body. `bytes` must not change afterwards: the journal keeps them until they are written. Their
 * memory may go to another thread, and the caller then finds them empty.
 */
export interface IngestRequest extends OtlpArrival {
  readonly format: "protobuf" | "json";
  readonly encoding: PayloadEncoding;
  readonly bytes: Uint8Array;
  /** Cap on the body after decompression. */
  readonly bytesMax: number;
  readonly reservation: Reservation;
}

/** What was stored. `seq` is 0 when there was nothing to store. */
export interface IngestResult {
  readonly seq: number;
  readonly accepted: number;
  /** Items cut out because they can't be valid; the rest was stored. */
  readonly rejected: number;
  readonly reason: string;
}

/** Where outcomes are counted. */
export interface IngestObserver {
  accepted(arrival: Arrival, items: number): void;
  /** The sender's fault or back-pressure. `items` is 0 when the body could not be read. */
  refused(arrival: Arrival, items: number, code: string): void;
  /** Our fault: the journal could not store it. */
  failed(arrival: Arrival, items: number, code: string): void;
  /** From handing a record to the journal until it is durable. */
  appendSeconds(seconds: number): void;
}

export interface IngestOptions {
  readonly journal: Pick<Journal, "append">;
  readonly admission: Admission;
  readonly observer: IngestObserver;
  /** Wall clock in nanoseconds since 1970. */
  readonly nowUnixNano?: () => bigint;
}

/**
 * The one way in, shared by every transport: decompress, validate by scanning, append to the journal, and only then
 * resolve (I1). It throws CounterfoilErrors, whose codes the transports turn into their own status codes.
 */
export class Ingest {
  readonly admission: Admission;
  readonly observer: IngestObserver;
  readonly #journal: Pick<Journal, "append">;
  readonly #now: () => bigint;
  readonly #decompressor = new Decompressor();
  readonly #smallBodies = new BodyThread();
  readonly #largeBodies = new BodyThread();
  #draining = false;

  constructor(options: IngestOptions) {
    this.#journal = options.journal;
    this.admission = options.admission;
    this.observer = options.observer;
    this.#now = options.nowUnixNano ?? (() => BigInt(Date.now()) * 1_000_000n);
  }

  /** True once {@link drain} was called. */
  get draining(): boolean {
    return this.#draining;
  }

  /** From now on new requests are refused as retryable; those already let in go on. */
  drain(): void {
    this.#draining = true;
  }

  /**
   * Lets a request in, before its body is read. Throws CF_DRAINING, CF_BODY_TOO_LARGE for a declared length beyond the
   * cap, or CF_OVERLOADED when the bytes in flight leave no room.
   */
  admit(
    arrival: Arrival,
    { declaredBytes = 0, bytesMax }: { declaredBytes?: number | undefined; bytesMax: number },
  ): Reservation {
    try {
      if (this.#draining) throw draining();
      if (declaredBytes > bytesMax) throw tooLarge(bytesMax);
      const reservation = this.admission.reserve(declaredBytes);
      if (reservation === undefined) throw overloaded();
      return reservation;
    } catch (error) {
      this.count(arrival, 0, error);
      throw error;
    }
  }

  /** Stores one request durably. The caller releases the reservation after it has answered. */
  async accept(request: IngestRequest): Promise<IngestResult> {
    let items = 0;
    try {
      if (request.bytes.length === 0) return { seq: 0, accepted: 0, rejected: 0, reason: "" };
      const validated = this.#validateAtOnce(request) ?? (await this.#validate(request));
      const { payload, encoding, scan } = validated;
      items = scan.itemCount;
      if (scan.rejected > 0) this.observer.refused(request, scan.rejected, "CF_REQUEST_INVALID");
      if (items === 0) {
        if (scan.rejected > 0) throw new CounterfoilError("CF_REQUEST_INVALID", scan.reason);
        return { seq: 0, accepted: 0, rejected: 0, reason: "" };
      }
      const started = performance.now();
      const seq = await this.#journal.append({
        signal: request.signal,
        encoding,
        payload,
        itemCount: items,
        receivedUnixNano: this.#now(),
      });
      this.observer.appendSeconds((performance.now() - started) / 1_000);
      this.observer.accepted(request, items);
      return { seq, accepted: items, rejected: scan.rejected, reason: scan.reason };
    } catch (error) {
      this.count(request, items, error);
      throw error;
    }
  }

  /**
   * Stores what one of our own APIs made of a request; its reservation is the request's. Throws CF_DRAINING and the
   * errors of the journal's `append`.
   */
  async append(entry: ApiEntry): Promise<number> {
    const { signal, payload, itemCount, receiver, receivedUnixNano = this.#now() } = entry;
    const arrival: Arrival = { signal, receiver, transport: "http" };
    try {
      const started = performance.now();
      const seq = await this.#journal.append({
        signal,
        encoding: "identity",
        payload,
        itemCount,
        receivedUnixNano,
      });
      this.observer.appendSeconds((performance.now() - started) / 1_000);
      this.observer.accepted(arrival, itemCount);
      return seq;
    } catch (error) {
      this.count(arrival, itemCount, error);
      throw error;
    }
  }

  /**
   * A body without its content coding, for requests that are not OTLP. Throws CF_BODY_TOO_LARGE, CF_ENCODING_INVALID,
   * CF_OVERLOADED, or CF_ENCODING_UNSUPPORTED for zstd where Node has no decoder of its own: the portable one would hold
   * the event loop.
   */
  async plain(
    body: Pick<IngestRequest, "encoding" | "bytes" | "bytesMax" | "reservation">,
  ): Promise<Uint8Array> {
    const { encoding, bytes, bytesMax, reservation } = body;
    if (bytes.length === 0 || encoding === "identity") return bytes;
    const plain = await this.#decompressor.decompress({ encoding, bytes, bytesMax, reservation });
    if (!plain.zstd) return plain.bytes;
    throw new CounterfoilError(
      "CF_ENCODING_UNSUPPORTED",
      "This server's Node can't decompress zstd (Node 22.15 or later can). Send gzip or identity.",
    );
  }

  /** Counts a request that a transport refused by itself (an aborted body, for example). */
  count(arrival: Arrival, items: number, error: unknown): void {
    const code = error instanceof CounterfoilError ? error.code : "CF_JOURNAL_IO";
    const ours = code === "CF_JOURNAL_IO" || code === "CF_JOURNAL_CLOSED";
    this.observer[ours ? "failed" : "refused"](arrival, items, code);
  }

  /** Most requests need no waiting, and should not pay for it. Undefined for any other. */
  #validateAtOnce(request: IngestRequest): Validated | undefined {
    const { signal, format, bytes, bytesMax, encoding, reservation } = request;
    if (encoding !== "identity") return undefined;
    if (bytes.length > bytesMax) throw tooLarge(bytesMax);
    const scan = readBodyInline({ signal, format, zstd: false, bytes, bytesMax });
    if (scan === undefined) return undefined;
    if (!scan.unchanged) holdOrRefuse(reservation, scan.body);
    return { payload: scan.body, encoding, scan };
  }

  /** The bytes to journal: as received whenever nothing had to be cut out or converted. */
  async #validate(request: IngestRequest): Promise<Validated> {
    const { signal, format, bytes, bytesMax, encoding, reservation } = request;
    if (encoding === "identity") {
      const scan = await this.#readElsewhere({ signal, format, zstd: false, bytes, bytesMax });
      if (!scan.unchanged) holdOrRefuse(reservation, scan.body);
      return { payload: scan.body, encoding, scan };
    }
    const plain = await this.#decompressor.decompress({ encoding, bytes, bytesMax, reservation });
    const plainBytes = plain.bytes.length;
    const scan = await this.#read({ signal, format, ...plain, bytesMax });
    if (plain.keepCompressed && format === "protobuf" && scan.unchanged) {
      reservation.drop(plainBytes);
      return { payload: bytes, encoding, scan };
    }
    if (!scan.unchanged && !plain.zstd) reservation.drop(plainBytes);
    if (!scan.unchanged) holdOrRefuse(reservation, scan.body);
    return { payload: scan.body, encoding: "identity", scan };
  }

  /** At once when that takes a few milliseconds at most, in another thread otherwise. */
  async #read(order: BodyOrder): Promise<ReadBody> {
    return readBodyInline(order) ?? this.#readElsewhere(order);
  }

  #readElsewhere(order: BodyOrder): Promise<ReadBody> {
    const large = order.zstd || order.bytes.length > BODY_THREAD_LARGE_BYTES;
    const thread = large ? this.#largeBodies : this.#smallBodies;
    return thread.read(order);
  }
}

/** What goes into the journal, and what is in it. */
interface Validated {
  readonly payload: Uint8Array;
  readonly encoding: PayloadEncoding;
  readonly scan: ReadBody;
}

/** What was converted or cut is a body of its own. */
function holdOrRefuse(reservation: Reservation, body: Uint8Array): void {
  if (!reservation.hold(body.length)) throw overloaded();
}
