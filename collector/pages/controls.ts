import type { ExportDestination } from "../../exporters/destination-types.js";
import type { Destination } from "../../exporters/types.js";
import { seqAtTime, type Journal } from "../../journal/index.js";
import { type Api, CounterfoilError, errorMessage, type ReplayNotice } from "../../schema/index.js";
import type { RepairReport, RewriteReport, SpanRewrite } from "../../store/index.js";
import type { DestinationSet } from "../destinations.js";
import type { PageSource } from "./pages.js";

const FLUSH_MS = 30_000;
const FLUSH_MS_MAX = 600_000;

/** The control requests: flush, replay, retry, drop, repair, renormalise. */
export function createControls(options: {
  readonly destinations: DestinationSet;
  readonly journal: Journal;
  readonly journalDir: string;
  /** See {@link Api.beforeReplay}. */
  readonly beforeReplay?: (
    notice: Omit<ReplayNotice, "address">,
  ) => ReturnType<NonNullable<Api["beforeReplay"]>> | undefined;
  readonly repair: (paths: readonly string[]) => Promise<RepairReport>;
  readonly rewrite: (paths: readonly string[], rewrite: SpanRewrite) => Promise<RewriteReport>;
}): PageSource["controls"] {
  const { destinations, journal, journalDir, beforeReplay, repair, rewrite } = options;
  /** A replay with its line in the egress ledger: no line, no replay. */
  const noted = async <T extends { readonly delivered: number }>(
    notice: Omit<ReplayNotice, "address">,
    replay: () => Promise<T>,
  ): Promise<T> => {
    const end = await beforeReplay?.(notice);
    try {
      const report = await replay();
      await end?.(report.delivered);
      return report;
    } catch (error) {
      await end?.(errorMessage(error));
      throw error;
    }
  };
  return {
    /** {to?, deadline_ms?}: settle everything accepted so far. */
    flush: async (body) => {
      const deadlineMs = numberOf(body, "deadline_ms") ?? FLUSH_MS;
      await destinations.flush(Math.min(deadlineMs, FLUSH_MS_MAX), textOf(body, "to"));
      return { flushed: true, durable_seq: journal.tail().seq };
    },
    /** {to, from_seq | from_time, to_seq?} or {to, dead_letters: true}: send again. */
    replay: async (body) => {
      const destination = exporterOf(destinations.get(requiredText(body, "to")));
      if (body["dead_letters"] === true) {
        const { name } = destination;
        const report = await noted({ name }, () => destination.replayDeadLetters());
        return { files: report.files, delivered: report.delivered, kept: report.kept };
      }
      const toSeq = numberOf(body, "to_seq") ?? journal.tail().seq;
      const fromSeq = numberOf(body, "from_seq") ?? seqFrom(requiredText(body, "from_time"), journalDir);
      const notice = { name: destination.name, firstSeq: fromSeq, lastSeq: toSeq };
      const report = await noted(notice, () => destination.replay({ fromSeq, toSeq }));
      const { read, delivered, filtered, deadLetter } = report;
      return { from_seq: fromSeq, to_seq: toSeq, read, delivered, filtered, dead_letter: deadLetter };
    },
    /** {to}: end a pause or back-off now. */
    retry: async (body) => {
      exporterOf(destinations.get(requiredText(body, "to"))).retryNow();
      return { retrying: true };
    },
    /** {to}: forget a destination that is not configured any more. */
    drop: async (body) => {
      destinations.drop(requiredText(body, "to"));
      return { dropped: true };
    },
    /** {paths}: look at these files of the mirror, and repair those that are damaged. */
    repair: async (body) => {
      const { quarantined, rebuilt, lost, failed } = await repair(textsOf(body, "paths"));
      return { quarantined, rebuilt, lost, failed };
    },
    /**
     * {paths, reprice?}: derive the columns of these files of `spans` anew, by the rules of this build; with `reprice: true`
     * also price their calls by the table in effect.
     */
    renormalise: async (body) => {
      const kind = body["reprice"] === true ? "reprice" : "renormalise";
      const { files, rows, changes, cost, damaged } = await rewrite(textsOf(body, "paths"), { kind });
      return { files, rows, changes, cost, damaged };
    },
  };
}

function exporterOf(destination: Destination): ExportDestination {
  if ("replay" in destination) return destination as ExportDestination;
  throw new CounterfoilError(
    "CF_USAGE",
    `"${destination.name}" can't be replayed to: it already holds what the journal gave it.`,
  );
}

function seqFrom(time: string, journalDir: string): number {
  const ms = Date.parse(time);
  if (Number.isNaN(ms)) {
    throw new CounterfoilError(
      "CF_USAGE",
      `from_time must be a time such as 2026-11-23T10:00:00Z; got ${JSON.stringify(time)}.`,
    );
  }
  const seq = seqAtTime(journalDir, BigInt(ms) * 1_000_000n);
  if (seq === undefined)
    throw new CounterfoilError("CF_NOT_FOUND", `Nothing was received at or after ${time}.`);
  return seq;
}

function textOf(body: Record<string, unknown>, key: string): string | undefined {
  const value = body[key];
  if (value === undefined || typeof value === "string") return value;
  throw new CounterfoilError("CF_USAGE", `${key} must be a text.`);
}

function textsOf(body: Record<string, unknown>, key: string): string[] {
  const value = body[key];
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value;
  throw new CounterfoilError("CF_USAGE", `${key} must be a list of texts.`);
}

function requiredText(body: Record<string, unknown>, key: string): string {
  const value = textOf(body, key);
  if (value === undefined) throw new CounterfoilError("CF_USAGE", `${key} is missing.`);
  return value;
}

function numberOf(body: Record<string, unknown>, key: string): number | undefined {
  const value = body[key];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw new CounterfoilError("CF_USAGE", `${key} must be a whole number, zero or more.`);
}
