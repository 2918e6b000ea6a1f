import type { Percentiles } from "../measure/percentiles.js";
import type { BodySet } from "./bodies.js";

/** What the load process is asked for. */
export interface LoadOrder {
  readonly port: number;
  readonly protocol: "http" | "grpc";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly bodies: BodySet;
  /** Requests in flight at most: one on each connection. */
  readonly connections: number;
  readonly seconds: number;
  /**
   * Spans a second to hold, 0 for as many as possible. A held rate has a due time for each request, whatever became of
   * those before: latency counts from it, so a stall counts for every request that it delayed.
   */
  readonly rate: number;
  /** Send each body once and stop. */
  readonly once?: boolean;
  /** Also report when each request was acknowledged. */
  readonly acks?: boolean;
}

/** What the load saw. Times in milliseconds unless they say otherwise. */
export interface LoadReport {
  readonly requests: number;
  readonly spans: number;
  /** Before compression. */
  readonly rawBytes: number;
  readonly seconds: number;
  /** Requests that the server refused (each is then sent again as another one), and connections that broke. */
  readonly refused: number;
  readonly failed: number;
  /** From the due time (held rate), or from sending (as many as possible), to the answer. */
  readonly ack: Percentiles;
  /** From sending to the answer. */
  readonly service: Percentiles;
  /** How late the generator itself was, with a connection free: its own error in `ack`. */
  readonly lateness: Percentiles;
  readonly cpuMicrosPerSpan: number;
  /** Cores that the generator used. */
  readonly cores: number;
  /** Spans acknowledged in each whole second. */
  readonly perSecond: readonly number[];
  /** Unix time in milliseconds and spans acknowledged up to then, in order. */
  readonly acks?: readonly (readonly [number, number])[];
}
