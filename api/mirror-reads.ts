import { API_READ_WAIT_MS, type ApiHost } from "../schema/index.js";
import { createMirrorReader, type ReaderRow, type SqlParameter } from "../store/index.js";

/** A row of a query, by column. */
export type Row = ReaderRow;

/** Counterfoil's own queries over the mirror, as an API makes them. */
export interface MirrorReads {
  /**
   * Rows of one SELECT, `params` bound to `$1`, `$2`, ... It sees everything that was acknowledged before the call.
   * Throws CF_SEAL_FAILED when the mirror does not get there in time, and the errors of a query.
   */
  rows(sql: string, params?: readonly SqlParameter[]): Promise<readonly Row[]>;
  /** The same over the mirror as it is: waits for nothing that is still on its way. */
  peek(sql: string, params?: readonly SqlParameter[]): Promise<readonly Row[]>;
  /** Ends its process. */
  close(): Promise<void>;
}

/** Reads that wait for what was written. */
export function createMirrorReads(host: ApiHost): MirrorReads {
  const reader = createMirrorReader({ dataDir: host.dataDir });
  return {
    async rows(sql, params = []) {
      const seq = host.durableSeq();
      if (seq === 0) return [];
      await host.sealed(seq, API_READ_WAIT_MS);
      return await reader.query(sql, params);
    },
    peek: (sql, params = []) => reader.query(sql, params),
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
