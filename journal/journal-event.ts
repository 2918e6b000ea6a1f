/** Something that an operator may want to see in the log. Positions and sizes are in bytes. */
export type JournalEvent =
  | { readonly kind: "segment_created"; readonly path: string; readonly firstSeq: number }
  /** A write or sync failed; the segment is not used again and what was not acknowledged moves to a new one. */
  | { readonly kind: "write_failed"; readonly path: string; readonly message: string }
  /** Records were refused: a new segment could not be written either. */
  | { readonly kind: "records_rejected"; readonly records: number; readonly message: string }
  /** Writing works again after records were refused. */
  | { readonly kind: "resumed"; readonly path: string }
  | {
      readonly kind: "tail_truncated";
      readonly path: string;
      readonly position: number;
      readonly bytes: number;
    }
  /** Damaged records with good ones behind them: kept in place, skipped by readers. */
  | {
      readonly kind: "quarantined";
      readonly path: string;
      readonly fromSeq: number;
      readonly toSeq: number;
      readonly bytes: number;
    }
  | {
      readonly kind: "segment_missing";
      readonly path: string;
      readonly fromSeq: number;
      readonly toSeq: number;
    }
  | { readonly kind: "unused_segment_removed"; readonly path: string }
  /** The cap was reached under `drop_oldest`: records that cursors had not passed were removed. */
  | {
      readonly kind: "oldest_dropped";
      readonly path: string;
      readonly fromSeq: number;
      readonly toSeq: number;
    }
  | { readonly kind: "remove_failed"; readonly path: string; readonly message: string }
  | { readonly kind: "listener_failed"; readonly message: string };
