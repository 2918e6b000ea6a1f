import type { DestinationStats } from "../exporters/types.js";
import type { ItemCounts, JournalStats } from "../journal/index.js";
import type { CatalogSnapshot } from "../store/index.js";
import type { RemovedDestination } from "./destinations.js";
import type { EventLoopStats } from "./telemetry/event-loop.js";
import type { ReceiverCount } from "./telemetry/receiver-counters.js";

/** `GET /api/v1/status`. snake_case, like all JSON over HTTP. */
export interface StatusDocument {
  readonly state: "starting" | "running" | "draining" | "stopped";
  readonly pid: number;
  readonly started_at: string;
  readonly data_dir: string;
  readonly ports: { readonly http?: number; readonly grpc?: number };
  readonly process: {
    /** Memory of the process that is in RAM. */
    readonly rss_bytes: number;
    readonly event_loop: {
      /** Longest time for which the main thread was held at a stretch, milliseconds: in the last minute, and ever. */
      readonly delay_ms_max_last_minute: number;
      readonly delay_ms_max: number;
      /** Seconds in which that was more than 100 ms. */
      readonly stalls: number;
    };
  };
  readonly journal: {
    readonly first_seq: number;
    readonly durable_seq: number;
    readonly bytes: number;
    readonly bytes_max: number;
    readonly segments: number;
    readonly pending_bytes: number;
    readonly failed_syncs: number;
    readonly accepted: ItemCounts;
  };
  readonly mirror: {
    readonly version: number;
    readonly files: number;
    readonly rows: number;
    readonly bytes: number;
    readonly sealed_seq: number;
  };
  readonly receivers: readonly ReceiverCount[];
  readonly destinations: readonly DestinationDocument[];
  readonly removed_destinations: readonly { readonly name: string; readonly cursor_seq: number }[];
}

/** One destination's account: accepted = delivered + filtered + waiting + dead_letter, for each signal (I2). */
export interface DestinationDocument {
  readonly name: string;
  readonly state: string;
  readonly cursor_seq: number;
  readonly accepted: ItemCounts;
  readonly delivered: ItemCounts;
  readonly waiting: ItemCounts;
  readonly filtered: Readonly<Record<string, ItemCounts>>;
  readonly dead_letter: Readonly<Record<string, ItemCounts>>;
  readonly requests: { readonly sent: number; readonly failed: number };
  readonly last_error?: string;
  /** ISO 8601. */
  readonly next_attempt_at?: string;
}

/** The process's part of the status. */
export function processDocument(loop: EventLoopStats): StatusDocument["process"] {
  return {
    rss_bytes: process.memoryUsage.rss(),
    event_loop: {
      delay_ms_max_last_minute: Math.round(loop.delayMsMaxLastMinute),
      delay_ms_max: Math.round(loop.delayMsMax),
      stalls: loop.stalls,
    },
  };
}

/** The journal's part of the status. */
export function journalDocument(stats: JournalStats, accepted: ItemCounts): StatusDocument["journal"] {
  return {
    first_seq: stats.firstSeq,
    durable_seq: stats.durableSeq,
    bytes: stats.bytes,
    bytes_max: stats.bytesMax,
    segments: stats.segments,
    pending_bytes: stats.pendingBytes,
    failed_syncs: stats.failedSyncs,
    accepted,
  };
}

/** The mirror's part of the status. */
export function mirrorDocument({ version, files, sealedSeq }: CatalogSnapshot): StatusDocument["mirror"] {
  return {
    version,
    files: files.length,
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    sealed_seq: sealedSeq,
  };
}

/** One destination's part of the status. */
export function destinationDocument(stats: DestinationStats): DestinationDocument {
  return {
    name: stats.name,
    state: stats.state,
    cursor_seq: stats.cursorSeq,
    accepted: stats.accepted,
    delivered: stats.delivered,
    waiting: stats.waiting,
    filtered: stats.filtered,
    dead_letter: stats.deadLetter,
    requests: stats.requests,
    ...(stats.lastError === undefined ? {} : { last_error: stats.lastError }),
    ...(stats.nextAttemptAt === undefined
      ? {}
      : { next_attempt_at: new Date(stats.nextAttemptAt).toISOString() }),
  };
}

/** The removed destinations' part of the status. */
export function removedDocument(
  removed: readonly RemovedDestination[],
): StatusDocument["removed_destinations"] {
  return removed.map(({ name, cursorSeq }) => ({ name, cursor_seq: cursorSeq }));
}
