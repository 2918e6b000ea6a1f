/** The shape of `/api/v1/status` that `status` prints, and that it makes from disk when no server runs. */

/** Items by signal. */
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
  readonly next_attempt_at?: string | number;
}
