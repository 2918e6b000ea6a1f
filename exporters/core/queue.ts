import type { ExportBatch } from "./exporter.js";

/** A batch with the history of its attempts. */
export interface Attempt {
  readonly batch: ExportBatch;
  /** Failures that may be the batch's own fault. */
  suspicions: number;
  /** Failures of any retryable kind. */
  failures: number;
  /** Answers that said yes and broke off. */
  brokenAnswers: number;
  /** Epoch milliseconds of the first failure. */
  failedSince?: number;
  /** Batches delivered by then: others passing since is what makes a suspect. */
  deliveredBefore?: number;
}

/** A batch not tried yet. */
export function freshAttempt(batch: ExportBatch): Attempt {
  return { batch, suspicions: 0, failures: 0, brokenAnswers: 0 };
}

/** Batches that wait for a send: journal order, but suspects behind those less suspected. */
export class SendQueue {
  readonly #items: Attempt[] = [];
  #bytes = 0;

  get length(): number {
    return this.#items.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(attempt: Attempt): void {
    const at = this.#items.findLastIndex((other) => !before(attempt, other));
    this.#items.splice(at + 1, 0, attempt);
    this.#bytes += attempt.batch.bytes;
  }

  /** The next to try; the first suspect when `suspectFirst` and there is one. */
  shift(suspectFirst: boolean): Attempt | undefined {
    const suspect = suspectFirst ? this.#items.findIndex((item) => item.suspicions > 0) : -1;
    const first = this.#items.splice(Math.max(suspect, 0), 1)[0];
    if (first !== undefined) this.#bytes -= first.batch.bytes;
    return first;
  }
}

function before(left: Attempt, right: Attempt): boolean {
  if (left.suspicions !== right.suspicions) return left.suspicions < right.suspicions;
  return firstSeq(left) < firstSeq(right);
}

function firstSeq(attempt: Attempt): number {
  return attempt.batch.parts[0]?.entry.seq ?? 0;
}
