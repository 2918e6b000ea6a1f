import { API_READ_WAIT_MS, type ApiHost } from "../schema/index.js";
import {
  createMirrorReader,
  type ReaderQueryOptions,
  type ReaderRow,
  type SqlParameter,
} from "../store/index.js";

/** A row of a query, by column. */
export type Row = ReaderRow;

/** Counterfoil's own queries over the mirror, as an API makes them. */
export interface MirrorReads {
  /**
   * Rows of one SELECT, `params` bound to `$1`, `$2`, ... It sees everything that was acknowledged before the call.
   * Throws CF_SEAL_FAILED when the mirror does not get there in time, and the errors of a query.
   */
  rows(
    sql: string,
    params?: readonly SqlParameter[],
    options?: Pick<ReaderQueryOptions, "near">,
  ): Promise<readonly Row[]>;
  /** The same over the mirror as it is: waits for nothing that is still on its way. */
  peek(sql: string, params?: readonly SqlParameter[]): Promise<readonly Row[]>;
  /**
   * Whether a table has rows, or had some; sees everything that was acknowledged before the call. Most mirrors have no
   * shares, and many no feedback: not to ask costs nothing, and a query over no files still 10 to 20 ms of planning.
   */
  has(table: string): Promise<boolean>;
  /** {@link MirrorWatch.newestSpans}: a time to look for the newest spans after, before all the others are asked. */
  newestSpans(rows: number): bigint | undefined;
  /** Ends its process. */
  close(): Promise<void>;
}

/** Reads that wait for what was written. */
export function createMirrorReads(host: ApiHost): MirrorReads {
  const reader = createMirrorReader({ dataDir: host.dataDir });
  /** False when nothing was ever accepted. */
  const caughtUp = async (): Promise<boolean> => {
    const seq = host.durableSeq();
    if (seq === 0) return false;
    await host.sealed(seq, API_READ_WAIT_MS);
    return true;
  };
  return {
    rows: async (sql, params = [], options = {}) =>
      (await caughtUp()) ? await reader.query(sql, params, options) : [],
    has: async (table) => (await caughtUp()) && host.mirror.tables().has(table),
    peek: (sql, params = []) => reader.query(sql, params),
    newestSpans: (rows) => host.mirror.newestSpans(rows),
    close: () => reader.close(),
  };
}

/** A text of a row; undefined when it is null or something else. */
export function textAt(
  row: Readonly<Record<string, unknown>> | undefined,
  column: string,
): string | undefined {
  const value = row?.[column];
  return typeof value === "string" ? value : undefined;
}
