import type { MachineFacts } from "../machine.js";
import type { BenchSettings, Row } from "../scenario.js";

/** One scenario's outcome, with the machine and the settings that it had. */
export interface ScenarioReport {
  readonly scenario: string;
  readonly about: string;
  readonly rows: readonly (Row & { readonly met?: boolean })[];
  readonly facts: Readonly<Record<string, number | string>>;
  /** Why there are no rows. */
  readonly error?: string;
  readonly seconds: number;
  readonly machine: MachineFacts;
  readonly settings: BenchSettings;
}

/** What `--out` writes, and `docs/benchmarks.md` is made from. */
export interface BenchResults {
  readonly version: 1;
  readonly reports: readonly ScenarioReport[];
}

/** Newer reports in place of older ones of the same scenario, in the order given by `order`. */
export function mergeResults(
  older: BenchResults | undefined,
  newer: BenchResults,
  order: readonly string[],
): BenchResults {
  const byName = new Map((older?.reports ?? []).map((report) => [report.scenario, report]));
  for (const report of newer.reports) byName.set(report.scenario, report);
  const place = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
  const reports = [...byName.values()].sort((a, b) => place(a.scenario) - place(b.scenario));
  return { version: 1, reports };
}
