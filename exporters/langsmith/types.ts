/** Sends spans that meet every given member to a project of its own. First match wins. */
export interface ProjectRoute {
  readonly match: {
    readonly serviceName?: string;
    readonly environment?: string;
    /** Span or resource attribute values, compared as text. */
    readonly attributes?: Readonly<Record<string, string>>;
  };
  readonly project: string;
}

/** LangSmith, or anything that speaks its ingest API. */
export interface LangSmithExporterConfig {
  readonly type: "langsmith";
  /** `translate` (default): OTLP with LangSmith's attributes added. `native`: runs through the `langsmith` client. */
  readonly mode?: "translate" | "native";
  /** API address, default `https://api.smith.langchain.com`. Self-hosted: `https://<host>/api/v1`. */
  readonly endpoint?: string;
  readonly apiKey: string;
  /** Workspace id, for keys that reach several workspaces (`x-tenant-id`). */
  readonly workspaceId?: string;
  /** Project of spans that no route matches and that name none themselves. Default `default`. */
  readonly project?: string;
  readonly projects?: readonly ProjectRoute[];
  readonly compression?: "gzip" | "none";
  /** One attempt. Default 30,000. */
  readonly timeoutMs?: number;
  /** Native mode: how long a trace must be quiet after its last span before it is sent. Default 10,000. */
  readonly traceWaitMs?: number;
  /** Native mode: how long spans whose root has not come are held. Default 60,000. */
  readonly orphanWaitMs?: number;
}
