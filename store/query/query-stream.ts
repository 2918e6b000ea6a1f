import { createReadStream, type ReadStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import {
  QUERY_ANSWER_MS_MAX,
  QUERY_ANSWERS_MAX,
  QUERY_TIMEOUT_MS,
  QUERY_WAITING_MAX,
} from "../../schema/index.js";
import { QuerySlots } from "./query-slots.js";
import type { QueryOptions, QueryResult } from "./query-types.js";
import { runQuery } from "./run-query.js";
import { createWorkDir } from "./work-dir.js";

/** A result that is still to be read. */
export interface StreamedResult extends QueryResult {
  /** Bytes that `stream` will give. */
  readonly byteLength: number;
  /** The encoded result. Its file goes away when the stream is closed, at the latest after QUERY_ANSWER_MS_MAX. */
  readonly stream: ReadStream;
}

/** Files of results that are being read: each takes up to QUERY_OUTPUT_BYTES_MAX of the disk. */
const answers = new QuerySlots(QUERY_ANSWERS_MAX, QUERY_WAITING_MAX);

/**
 * Runs a user's SQL as `runQuery`, for whoever reads the result over a network: however large, it is never in memory.
 * The caller reads or destroys the stream. Throws the same errors.
 */
export async function streamQuery(
  options: Omit<QueryOptions, "output"> & { readonly format: Exclude<QueryOptions["format"], "table"> },
): Promise<StreamedResult> {
  const release = await answers.take(options.timeoutMs ?? QUERY_TIMEOUT_MS);
  let folder: string | undefined;
  const end = async (): Promise<void> => {
    release();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  };
  try {
    folder = await createWorkDir(options.dataDir);
    const path = join(folder, "answer");
    const result = await runQuery({ ...options, output: path });
    const { size } = await stat(path);
    const stream = createReadStream(path);
    const timer = setTimeout(
      () => stream.destroy(new Error("The result was not read in time.")),
      QUERY_ANSWER_MS_MAX,
    ).unref();
    stream.once("close", () => {
      clearTimeout(timer);
      // A file that can't be removed now goes when the server starts again.
      end().catch(() => undefined);
    });
    return { ...result, byteLength: size, stream };
  } catch (error) {
    await end();
    throw error;
  }
}
