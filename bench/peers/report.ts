import type { MachineFacts } from "../machine.js";
import { figure } from "../report/format.js";
import type { WorkloadKind } from "../load/workload.js";
import type { PeerFigures, PeerReport } from "./measure.js";

/** What `npm run bench:peers` found. */
export interface PeerResults {
  readonly version: 1;
  readonly machine: MachineFacts;
  readonly seconds: number;
  readonly workload: WorkloadKind;
  readonly reports: readonly PeerReport[];
}

/** Newer reports in place of older ones of the same programs, as long as both are of the same workload. */
export function mergePeers(
  older: PeerResults | undefined,
  newer: PeerResults,
  order: readonly string[],
): PeerResults {
  if (older === undefined || older.workload !== newer.workload) return newer;
  const byName = new Map(older.reports.map((report) => [report.name, report]));
  for (const report of newer.reports) byName.set(report.name, report);
  const reports = [...byName.values()].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  return { ...newer, reports };
}

/** Titles of the table's columns. */
export const PEER_COLUMNS = [
  "peer",
  "accepted spans/s",
  "Counterfoil is",
  "stored spans/s",
  "CPU us/span",
  "disk B/span",
  "RSS MiB",
  "ack p99 ms",
  "not stored after 2 min",
] as const;

/** `3.2x`: how many times Counterfoil's rate the peer's is contained in it; below 1 the peer is faster. */
function ratio(own: PeerFigures | undefined, peer: PeerFigures): string {
  return own === undefined ? "" : `${figure(own.acceptedPerSecond / peer.acceptedPerSecond)}x`;
}

/** One line of cells for each peer that ran. */
export function peerRows(results: PeerResults): string[][] {
  const own = results.reports.find(({ name }) => name === "Counterfoil")?.figures;
  return results.reports.flatMap((report) => {
    const { figures } = report;
    if (figures === undefined) return [];
    return [
      [
        `${report.name} ${report.version === "this commit" ? "" : report.version}`.trim(),
        figure(figures.acceptedPerSecond),
        ratio(own, figures),
        figures.storedPerSecond === undefined ? "-" : figure(figures.storedPerSecond),
        figure(figures.cpuMicrosPerSpan),
        figure(figures.diskBytesPerSpan),
        figure(figures.rssMaxMib),
        figure(figures.p99Ms),
        figures.missing === undefined ? "-" : figure(figures.missing),
      ],
    ];
  });
}

/** The table for a terminal. */
export function peerTable(results: PeerResults): string {
  const lines = [[...PEER_COLUMNS], ...peerRows(results)];
  const widths = PEER_COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  "),
  );
  const notes = results.reports.map((report) =>
    report.error === undefined
      ? `${report.name} (${report.seconds} s of load): on success ${report.durable}. Keeps ${report.keeps}.`
      : `${report.name}: not measured: ${report.error}`,
  );
  return `${text.join("\n")}\n\n${notes.join("\n")}\n`;
}
