import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

const NEW_LINE = 10;
const CHUNK_BYTES = 1024 * 1024;

/** What reading all of a file's bytes tells. */
export interface ReadThrough {
  /** Lower-case hex. */
  readonly sha256: string;
  /** Of the longest line, without its end. */
  readonly lineBytes: number;
}

/** Reads a whole file. Throws the system's errors. */
export async function readThrough(path: string): Promise<ReadThrough> {
  const hash = createHash("sha256");
  let longest = 0;
  let line = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
    const bytes = chunk as Buffer;
    hash.update(bytes);
    let from = 0;
    for (let end = bytes.indexOf(NEW_LINE); end >= 0; end = bytes.indexOf(NEW_LINE, from)) {
      longest = Math.max(longest, line + end - from);
      line = 0;
      from = end + 1;
    }
    line += bytes.length - from;
  }
  return { sha256: hash.digest("hex"), lineBytes: Math.max(longest, line) };
}
