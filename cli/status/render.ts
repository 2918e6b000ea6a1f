import { type Paint } from "../output/paint.js";
import { renderTable } from "../output/table.js";
import { inert } from "../output/text.js";
import { formatBytes, formatCount } from "../output/values.js";
import { type Counts, type DestinationStatus, type Status } from "./types.js";

/** The status for people: one line each for journal, mirror and process, then the account of each destination and signal. */
export function renderStatus(status: Status, options: { paint: Paint; width: number | undefined }): string {
  const { paint } = options;
  const lines: string[] = [];
  const { journal, mirror, process } = status;
  if (journal === undefined) lines.push("journal  none yet");
  else {
    const cap = journal.bytes_max === undefined ? "" : ` of ${formatBytes(journal.bytes_max)}`;
    lines.push(
      `journal  ${formatCount(journal.durable_seq)} requests accepted; ${formatBytes(journal.bytes)}${cap} on disk in ${formatCount(journal.segments)} file(s)`,
    );
  }
  if (mirror === undefined) lines.push("mirror   none yet");
  else {
    lines.push(
      `mirror   ${formatCount(mirror.rows)} rows in ${formatCount(mirror.files)} Parquet file(s), ${formatBytes(mirror.bytes)}; sealed to request ${formatCount(mirror.sealed_seq)}`,
    );
  }
  if (process !== undefined) {
    lines.push(
      `process  ${formatBytes(process.rss_bytes)} of memory; main thread held at most ${formatCount(process.event_loop.delay_ms_max_last_minute)} ms at a stretch in the last minute`,
    );
  }
  const table = renderTable({
    columns: [
      { name: "destination" },
      { name: "state" },
      { name: "signal" },
      ...["accepted", "= delivered", "+ filtered", "+ waiting", "+ dead letter"].map((name) => ({
        name,
        align: "right" as const,
      })),
    ],
    rows: status.destinations.flatMap(accountRows),
    width: options.width,
    heading: paint.bold,
  });
  const notes = status.destinations.flatMap((destination) => destinationNotes(destination, paint));
  for (const { name, cursor_seq: seq } of status.removed_destinations ?? []) {
    notes.push(
      `${inert(name)}: not configured any more; the journal keeps what it had not delivered (from request ${formatCount(seq + 1)}). \`counterfoil drop-destination ${inert(name)}\` gives it up.`,
    );
  }
  return [...lines, "", table.trimEnd(), ...notes, ""].join("\n");
}

function accountRows(destination: DestinationStatus): string[][] {
  const signals = Object.keys(destination.accepted).filter(
    (signal) => (destination.accepted[signal] ?? 0) > 0,
  );
  if (signals.length === 0) return [[destination.name, destination.state, "", "0", "0", "0", "0", "0"]];
  return signals.map((signal, index) => [
    index === 0 ? destination.name : "",
    index === 0 ? destination.state : "",
    signal,
    ...[
      destination.accepted[signal] ?? 0,
      destination.delivered[signal] ?? 0,
      total(destination.filtered, signal),
      destination.waiting[signal] ?? 0,
      total(destination.dead_letter, signal),
    ].map(formatCount),
  ]);
}

function total(buckets: Readonly<Record<string, Counts>>, signal: string): number {
  return Object.values(buckets).reduce((sum, counts) => sum + (counts[signal] ?? 0), 0);
}

/** Why items were filtered or set aside, and the last error. */
function destinationNotes(destination: DestinationStatus, paint: Paint): string[] {
  const name = inert(destination.name);
  const notes: string[] = [];
  const add = (label: string, buckets: Readonly<Record<string, Counts>>): void => {
    for (const [reason, counts] of Object.entries(buckets)) {
      const parts = Object.entries(counts).filter(([, count]) => count > 0);
      if (parts.length === 0) continue;
      notes.push(
        `${name}: ${label} ${inert(reason)}: ${parts.map(([signal, count]) => `${formatCount(count)} ${signal}`).join(", ")}`,
      );
    }
  };
  add("filtered by", destination.filtered);
  add("dead letter", destination.dead_letter);
  if (destination.last_error !== undefined && destination.state !== "running") {
    notes.push(paint.warn(`${name}: last error: ${inert(destination.last_error)}`));
  }
  return notes;
}
