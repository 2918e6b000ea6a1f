/** The shape of `/api/v1/status`, which `status` prints; without a server it is made from the files. */

/** Items by signal: traces (spans), logs (records), metrics (points). */
export type Counts = Readonly<Record<string, number>>;

/** One destination and its account: accepted = delivered + filtered + waiting + dead_letter, for each signal (I2). */
export interface DestinationStatus {
  readonly name: string;
  readonly state: string;
  readonly cursor_seq: number;
  readonly accepted: Counts;
  readonly delivered: Counts;
  readonly waiting: Counts;
  /** By rule. */
  readonly filtered: Readonly<Record<string, Counts>>;
  /** By reason. */
  readonly dead_letter: Readonly<Record<string, Counts>>;
  readonly last_error?: string;
}

/** The whole status. `journal` and `mirror` are absent before the first start. */
export interface Status {
  readonly state: string;
  /** Only from a server. */
  readonly process?: {
    readonly rss_bytes: number;
    readonly event_loop: { readonly delay_ms_max_last_minute: number; readonly stalls: number };
  };
  readonly journal?: {
    readonly first_seq: number;
    readonly durable_seq: number;
    readonly bytes: number;
    readonly bytes_max?: number;
    readonly segments: number;
  };
  readonly mirror?: {
    readonly version: number;
    readonly files: number;
    readonly rows: number;
    readonly bytes: number;
    readonly sealed_seq: number;
  };
  readonly destinations: readonly DestinationStatus[];
  /** Taken out of the configuration, still holding what they had not delivered. Only from a server. */
  readonly removed_destinations?: readonly { readonly name: string; readonly cursor_seq: number }[];
}
