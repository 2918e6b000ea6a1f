import { errorMessage } from "../schema/index.js";
import { type FileSystem, systemErrorCode } from "./file-system.js";
import type { JournalEvent } from "./journal-event.js";
import type { KnownSegment } from "./recovery.js";

/** The files of one journal, in order of creation; the last one is never removed. */
export class SegmentSet {
  readonly #fs: FileSystem;
  readonly #emit: (event: JournalEvent) => void;
  readonly #segments: KnownSegment[];
  #bytes = 0;

  constructor(fs: FileSystem, emit: (event: JournalEvent) => void, segments: readonly KnownSegment[]) {
    this.#fs = fs;
    this.#emit = emit;
    this.#segments = [...segments];
    for (const segment of segments) this.#bytes += segment.bytes;
  }

  get count(): number {
    return this.#segments.length;
  }

  /** Sum of the file sizes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Seq of the oldest record that is kept; one after the end when there is none. */
  get firstSeq(): number {
    return this.#segments[0]?.firstSeq ?? 1;
  }

  add(segment: KnownSegment): void {
    this.#segments.push(segment);
    this.#bytes += segment.bytes;
  }

  /** Notes that the last segment is `bytes` long now. */
  resizeLast(bytes: number): void {
    const last = this.#segments.at(-1);
    if (last === undefined) return;
    this.#bytes += bytes - last.bytes;
    last.bytes = bytes;
  }

  /** First seq of the newest segment that starts before `seq`, 0 when there is none. */
  firstSeqBefore(seq: number): number {
    return this.#segments.findLast((segment) => segment.firstSeq < seq)?.firstSeq ?? 0;
  }

  /** True when a segment other than the last holds nothing after `seq`. */
  canTrim(seq: number): boolean {
    const next = this.#segments[1];
    return next !== undefined && next.firstSeq - 1 <= seq;
  }

  /** Removes the segments, oldest first, that hold nothing after `seq`. Stops at the first that can't be removed. */
  async trim(seq: number): Promise<void> {
    while (this.canTrim(seq)) {
      if (!(await this.#removeOldest())) return;
    }
  }

  /** Removes oldest segments until the rest is at most `bytes`, or only the last is left. */
  async shrinkTo(bytes: number): Promise<void> {
    while (this.#bytes > bytes) {
      const [oldest, next] = this.#segments;
      if (oldest === undefined || next === undefined || !(await this.#removeOldest())) return;
      const toSeq = next.firstSeq - 1;
      this.#emit({ kind: "oldest_dropped", path: oldest.path, fromSeq: oldest.firstSeq, toSeq });
    }
  }

  /**
   * Removes the last segment, in which nothing was ever acknowledged. Kept when it is the only one: then it alone says
   * where the log ends. What can't be removed is passed over by readers, because its successor starts at the same seq.
   */
  async removeUnused(path: string): Promise<void> {
    const last = this.#segments.at(-1);
    if (last === undefined || last.path !== path || this.#segments.length === 1) return;
    try {
      await this.#fs.unlink(path);
    } catch (error) {
      if (systemErrorCode(error) !== "ENOENT") return;
    }
    this.#segments.pop();
    this.#bytes -= last.bytes;
  }

  async #removeOldest(): Promise<boolean> {
    const oldest = this.#segments[0];
    if (oldest === undefined) return false;
    try {
      await this.#fs.unlink(oldest.path);
    } catch (error) {
      if (systemErrorCode(error) !== "ENOENT") {
        this.#emit({ kind: "remove_failed", path: oldest.path, message: errorMessage(error) });
        return false;
      }
    }
    if (this.#segments[0] === oldest) {
      this.#segments.shift();
      this.#bytes -= oldest.bytes;
    }
    return true;
  }
}
