import type { DeliveryConfig, ExporterConfig } from "../../exporters/destination-types.js";
import type { ProcessorConfig } from "../../exporters/processors/index.js";
import type { JournalSignal, Signal } from "../../schema/index.js";
import type { ConfigDocument } from "./schema.js";

/** One listener. */
export interface ListenConfig {
  /** As given; "" listens on every address. */
  readonly host: string;
  readonly port: number;
  readonly apiKeys: readonly string[];
  /** An address that other machines reach is allowed without a key. */
  readonly allowUnauthenticated: boolean;
  readonly connectionsMax: number;
  readonly requestTimeoutMs: number;
  readonly bodyBytesMax: number;
}

/** `receivers.otlp.protocols.http` */
export interface HttpConfig extends ListenConfig {
  readonly headersTimeoutMs: number;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  /** Path to signal, for signals that have a pipeline. */
  readonly paths: ReadonlyMap<string, Signal>;
}

/** A destination other than the mirror: an exporter that at least one pipeline names. */
export interface DestinationConfig {
  /** The exporter's id. */
  readonly name: string;
  readonly exporter: ExporterConfig;
  readonly delivery: DeliveryConfig;
  readonly signals: readonly JournalSignal[];
  readonly processors: readonly ProcessorConfig[];
}

/** What the service runs from. */
export interface CollectorConfig {
  readonly http: HttpConfig | undefined;
  readonly grpc: ListenConfig | undefined;
  readonly inflightBytesMax: number;
  /** Signals that have a pipeline. */
  readonly signals: readonly Signal[];
  readonly destinations: readonly DestinationConfig[];
  readonly journal: {
    readonly bytesMax: number;
    readonly segmentBytes: number;
    readonly whenFull: "backpressure" | "drop_oldest";
  };
  readonly mirror: {
    readonly workers: number;
    readonly compaction: { readonly enabled: boolean; readonly intervalMs: number };
    readonly retention: { readonly maxAgeMs: number | undefined; readonly maxBytes: number | undefined };
  };
  readonly prices: {
    /** Path of the file with prices of one's own. */
    readonly file: string | undefined;
  };
  readonly logLevel: "debug" | "info" | "warn" | "error" | "silent";
  readonly droppedDestinations: readonly string[];
  /** The file with every default filled in; for printing. Holds secrets. */
  readonly document: ConfigDocument;
}
