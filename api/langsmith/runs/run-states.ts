import {
  dottedOrderNanos,
  LANGSMITH_RUN_STATES_BYTES_MAX,
  LANGSMITH_RUN_STATES_MAX,
  mergeRawFields,
  ownRawFields,
  type RawFields,
  rawFieldsOf,
  type RawRun,
  type RunAttachment,
} from "../../../schema/index.js";
import { notFound } from "../replies.js";
import type { RunArchive } from "./run-archive.js";
import { placedRun } from "./run-place.js";
import type { RunWrite } from "./run-writes.js";
import { SeenRuns } from "./seen-runs.js";

/** What is known of a run: updates stay apart, as they win over a create that comes after them. */
interface RunState {
  created: RawFields | undefined;
  updated: RawFields | undefined;
  attachments: readonly RunAttachment[];
  /** A record with its create was made, so what comes now is an update of it. */
  told: boolean;
  bytes: number;
}

/** A run without `created` in the mirror carries this: its create has not come. */
export const UPDATE_ONLY = "counterfoil_update_only";

/**
 * What came of each run so far, so that what is journalled is always the whole run (ADR 011): the mirror, the
 * destinations and a replay then need to know nothing of creates and updates, only that the later record counts.
 * Bounded; a run that is not remembered is looked up in the mirror, unless it is too young to be there, or the ids of all
 * runs that came since are still known and its own is not one of them.
 */
export class RunStates {
  readonly #states = new Map<string, RunState>();
  readonly #lookups = new Map<string, Promise<void>>();
  readonly #archive: RunArchive;
  #bytes = 0;
  readonly #seen = new SeenRuns();
  /** Runs that started later than this and are not among those seen have never come. */
  #knownSince = 0n;
  #opened: Promise<void> | undefined;

  constructor(archive: RunArchive) {
    this.#archive = archive;
  }

  /** Applies writes in order and gives each run once, whole, as it is after them. */
  async merge(writes: readonly RunWrite[]): Promise<RawRun[]> {
    await this.#open();
    await this.#recall(writes);
    const touched = new Map<string, RawRun>();
    for (const write of writes) {
      const { id } = write;
      const state = this.#apply(write);
      touched.delete(id);
      touched.set(id, wholeRun(state));
    }
    for (const id of touched.keys()) {
      const state = this.#states.get(id);
      if (state !== undefined) state.told ||= state.created !== undefined;
    }
    this.#forget();
    return [...touched.values()];
  }

  /** What came before this process started is known by its latest start: by their own clocks, clients agree on that. */
  #open(): Promise<void> {
    this.#opened ??= this.#archive.newestStart().then(
      (newest) => void (this.#knownSince = newest),
      (error: unknown) => {
        this.#opened = undefined;
        throw error;
      },
    );
    return this.#opened;
  }

  #apply({ kind, id, fields, attachments, bytes }: RunWrite): RunState {
    const known = this.#states.get(id);
    const state = known ?? { created: undefined, updated: undefined, attachments: [], told: false, bytes: 0 };
    const created = known?.created && ownRawFields(known.created);
    const updated = known?.updated && ownRawFields(known.updated);
    if (kind === "post") {
      const whole = created === undefined ? fields : mergeRawFields([created, fields]);
      state.created = placedRun(id, whole, (run) => this.#place(run));
      state.updated = updated;
    } else if (created === undefined && fields.find("trace_id") < 0) {
      throw notFound(`Run ${id} has not been created, and the update names no trace_id: run`);
    } else {
      state.created = created;
      state.updated = updated === undefined ? fields : mergeRawFields([updated, fields]);
    }
    if (attachments.length > 0) {
      const names = new Set(attachments.map(({ name }) => name));
      state.attachments = [...state.attachments.filter(({ name }) => !names.has(name)), ...attachments];
    }
    this.#keep(id, state, bytes + bytesOf(attachments));
    return state;
  }

  #place(id: string): RawFields | undefined {
    const state = this.#states.get(id);
    return state?.created ?? state?.updated;
  }

  /** Puts it last in the order of forgetting. */
  #keep(id: string, state: RunState, more: number): void {
    state.bytes += more;
    this.#bytes += more;
    if (!this.#states.delete(id)) {
      const forgotten = this.#seen.add(id, startOf(state.created ?? state.updated) ?? MAX);
      if (forgotten !== undefined && forgotten > this.#knownSince) this.#knownSince = forgotten;
    }
    this.#states.set(id, state);
  }

  #forget(): void {
    for (const [id, state] of this.#states) {
      if (this.#states.size <= LANGSMITH_RUN_STATES_MAX && this.#bytes <= LANGSMITH_RUN_STATES_BYTES_MAX)
        return;
      this.#states.delete(id);
      this.#bytes -= state.bytes;
    }
  }

  /** Looks up what is not remembered and may be in the mirror; requests that name the same run wait for each other. */
  async #recall(writes: readonly RunWrite[]): Promise<void> {
    for (;;) {
      const running = writes.flatMap(({ id }) => this.#lookups.get(id) ?? []);
      if (running.length > 0) {
        await Promise.all(running);
        continue;
      }
      const missing = writes.filter((write) => this.#mayBeStored(write));
      if (missing.length === 0) return;
      const lookup = this.#lookUp(missing).finally(() => {
        for (const { id } of missing) this.#lookups.delete(id);
      });
      for (const { id } of missing) this.#lookups.set(id, lookup);
      return lookup;
    }
  }

  #mayBeStored({ id, fields }: RunWrite): boolean {
    if (this.#states.has(id)) return false;
    if (this.#seen.mayHold(id)) return true;
    const start = startOf(fields);
    return start === undefined || start <= this.#knownSince;
  }

  async #lookUp(writes: readonly RunWrite[]): Promise<void> {
    const found = await this.#archive.find(writes);
    for (const [id, { run, attachments }] of found) {
      const { [UPDATE_ONLY]: partial, ...rest } = run;
      const fields = rawFieldsOf(rest);
      const state =
        partial === true
          ? { created: undefined, updated: fields, attachments, told: false, bytes: 0 }
          : { created: fields, updated: undefined, attachments, told: true, bytes: 0 };
      this.#keep(id, state, fields.size + bytesOf(attachments));
    }
  }
}

const MAX = 1n << 63n;

function startOf(fields: RawFields | undefined): bigint | undefined {
  return dottedOrderNanos(fields?.text("dotted_order")) ?? fields?.time("start_time");
}

/** As LangSmith's own clients merge the two: a field of the update wins, unless it says nothing. */
function wholeRun({ created, updated, attachments, told }: RunState): RawRun {
  return { fields: wholeFields(created, updated), attachments, update: told || created === undefined };
}

function wholeFields(created: RawFields | undefined, updated: RawFields | undefined): RawFields {
  if (created === undefined) return mergeRawFields([...(updated ? [updated] : []), UPDATE_ONLY_FIELDS]);
  if (updated === undefined) return created;
  return mergeRawFields([created, updated], (layer, at) => !layer.isNull(at));
}

const UPDATE_ONLY_FIELDS = rawFieldsOf({ [UPDATE_ONLY]: true });

function bytesOf(attachments: readonly RunAttachment[]): number {
  return attachments.reduce((sum, { content }) => sum + content.length, 0);
}
