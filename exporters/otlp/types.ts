import type { Signal } from "../../schema/index.js";

/** Any OTLP/HTTP backend, protobuf. */
export interface OtlpHttpExporterConfig {
  readonly type: "otlp_http";
  /** Base address; `/v1/<signal>` is added. */
  readonly endpoint?: string;
  /** Full addresses by signal, used as they are; they win over `endpoint`. */
  readonly endpoints?: Readonly<Partial<Record<Signal, string>>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** For bodies that Counterfoil encodes itself; stored bytes keep their own encoding. Default gzip. */
  readonly compression?: "gzip" | "none";
  /** One attempt, connecting to last byte. Default 10,000. */
  readonly timeoutMs?: number;
}
