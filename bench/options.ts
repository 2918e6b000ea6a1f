import { parseArgs } from "node:util";
import type { BenchSettings } from "./scenario.js";

/** The command line. */
export interface BenchOptions {
  readonly settings: BenchSettings;
  /** Names of scenarios; empty for all. */
  readonly only: readonly string[];
  readonly list: boolean;
  readonly out: string | undefined;
  readonly writeDocs: boolean;
}

const SECONDS = 60;
const QUICK_SECONDS = 2;

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value <= 0)
    throw new Error(`--${name} takes a number above 0, not "${text}"`);
  return value;
}

/** Reads the command line. Throws an error that says which option is wrong. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", default: "" },
      seconds: { type: "string" },
      workers: { type: "string" },
      quick: { type: "boolean", default: false },
      long: { type: "boolean", default: false },
      list: { type: "boolean", default: false },
      out: { type: "string" },
      "write-docs": { type: "boolean", default: false },
    },
  });
  const seconds =
    values.seconds === undefined
      ? values.quick
        ? QUICK_SECONDS
        : SECONDS
      : positive("seconds", values.seconds);
  return {
    settings: {
      seconds,
      quick: values.quick,
      long: values.long,
      workers: values.workers === undefined ? undefined : positive("workers", values.workers),
    },
    only: values.only.split(",").filter(Boolean),
    list: values.list,
    out: values.out,
    writeDocs: values["write-docs"],
  };
}
