import { existsSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CommandError, EXIT } from "./exit-codes.js";
import { inert } from "./output/text.js";

/** Where a data directory is looked for when nothing says otherwise. */
export const DEFAULT_DATA_DIR = "./counterfoil-data";

/** The option that every command has. */
export interface DataDirOptions {
  readonly dataDir: string;
}

/** Adds `--data-dir`, with its default and its environment variable. */
export function withDataDir(command: Command): Command {
  return command.addOption(
    new Option("--data-dir <path>", "data directory").env("COUNTERFOIL_DATA_DIR").default(DEFAULT_DATA_DIR),
  );
}

/** Ends the command with "not found" when the data directory does not exist. */
export function requireDataDir(dataDir: string): void {
  if (existsSync(dataDir)) return;
  throw new CommandError(
    EXIT.notFound,
    `There is no data directory at ${dataDir}. Start a server with \`counterfoil start\`, or name another one with --data-dir or COUNTERFOIL_DATA_DIR.`,
  );
}

/** Parser of a whole number within bounds, for commander. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1e3,
  m: 60e3,
  h: 3600e3,
  d: 86_400e3,
  w: 604_800e3,
};

/** Parser of a duration (`500ms`, `30s`, `5m`, `2h`, `7d`) to milliseconds, for commander. */
export function durationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text.trim());
  const unit = UNITS_MS[match?.[2] ?? ""];
  if (match === null || unit === undefined) {
    throw new InvalidArgumentError("It must be a duration like 30s, 5m, 2h or 7d.");
  }
  return Number(match[1]) * unit;
}

/** Parser of a point in time to UTC: an ISO date or time, `now`, or how long ago (`2h`, `7d`), for commander. */
export function pointInTime(text: string): Date {
  const trimmed = text.trim();
  if (trimmed === "now") return new Date();
  if (/^\d+(?:\.\d+)?(?:ms|s|m|h|d|w)$/.test(trimmed)) return new Date(Date.now() - durationMs(trimmed));
  // A time without a zone is read as UTC, like every time that Counterfoil prints.
  const iso = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?$/.exec(
    trimmed,
  );
  const date =
    iso === null
      ? undefined
      : new Date(trimmed.replace(" ", "T") + (iso[1] || !/[T ]/.test(trimmed) ? "" : "Z"));
  if (date === undefined || Number.isNaN(date.getTime())) {
    throw new InvalidArgumentError(
      "It must be an ISO time (2026-11-23T10:00Z), a date, or how long ago (2h, 7d).",
    );
  }
  return date;
}

/** Parser of a size (`512MB`, `2GiB`, plain bytes) to bytes, for commander. */
export function byteSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(i?)B?|B)?$/i.exec(text.trim());
  if (match === null) throw new InvalidArgumentError("It must be a size like 512MB or 2GiB.");
  const power = " KMGT".indexOf((match[2] ?? " ").toUpperCase());
  return Math.round(Number(match[1]) * (match[3] ? 1024 : 1000) ** power);
}

/** A value from the command line as it may be shown in a message. */
export function shown(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return inert(short);
}
