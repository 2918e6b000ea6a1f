/** OTLP JSON Lines in a folder: `traces.jsonl`, `logs.jsonl`, `metrics.jsonl`. */
export interface FileExporterConfig {
  readonly type: "file";
  /** Folder; made when it is missing. */
  readonly path: string;
  /** A file that has reached this size is renamed to `<signal>-<time>.jsonl`. Default 100 MiB; 0 never rotates. */
  readonly rotateBytes?: number;
  /** Rotated files kept for each signal; 0 (default) keeps all. */
  readonly filesMax?: number;
}
