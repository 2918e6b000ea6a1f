import type { BodySet } from "./load/bodies.js";

/** A promise about a row's value. */
export interface Target {
  readonly at: "least" | "most";
  readonly value: number;
}

/** What the same machine does in the same run without Counterfoil, or what another way of doing it costs. */
export interface Floor {
  readonly name: string;
  readonly value: number;
}

/** One line of the table. */
export interface Row {
  /** Stable: the page and comparisons find the row by it. */
  readonly id: string;
  readonly measure: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
  readonly floors?: readonly Floor[];
  /** What a reader must know to judge the value. */
  readonly note?: string;
}

/** What a scenario gives: its rows, and every number beside them that is worth keeping. */
export interface ScenarioResult {
  readonly rows: readonly Row[];
  readonly facts?: Readonly<Record<string, number | string>>;
}

/** How long and how much to measure. */
export interface BenchSettings {
  /** Length of each measured load, after a warm-up. */
  readonly seconds: number;
  /** A few seconds each: shows that everything works, and nothing about speed. */
  readonly quick: boolean;
  /** Memory is watched for ten minutes. */
  readonly long: boolean;
  /** Sealing threads; undefined for the product's default. */
  readonly workers: number | undefined;
}

/** What a scenario is given. */
export interface BenchContext extends BenchSettings {
  /** A folder of its own, removed afterwards. */
  readonly folder: string;
  /** Says on standard error what is going on. */
  readonly log: (text: string) => void;
}

/** A measurement: one file in `scenarios/`. */
export interface Scenario {
  readonly name: string;
  /** One sentence: what is done and what is counted. */
  readonly about: string;
  run(context: BenchContext): Promise<ScenarioResult>;
}

/** Spans of one request, as OpenTelemetry's batch processor sends by default. */
const SPANS_PER_REQUEST = 512;

/** The usual bodies of a kind: enough distinct ones that a Parquet file holds no repetition. */
export function bodySet(
  context: BenchSettings,
  kind: BodySet["kind"],
  changes: Partial<BodySet> = {},
): BodySet {
  const count = context.quick ? 16 : 200;
  return { kind, count, spansPerBody: SPANS_PER_REQUEST, encoding: "identity", ...changes };
}

/** Whether a row keeps its promise; undefined when it makes none. */
export function isMet(row: Row): boolean | undefined {
  if (row.target === undefined) return undefined;
  return row.target.at === "least" ? row.value >= row.target.value : row.value <= row.target.value;
}
