import {
  LANGSMITH_RUN_STATES_BYTES_MAX,
  LANGSMITH_RUN_STATES_MAX,
  type NativeRun,
  type RunAttachment,
  type RunFields,
  runTimeNanos,
  writeRunJson,
  dottedOrderNanos,
} from "../../../schema/index.js";
import { notFound } from "../replies.js";
import type { RunArchive } from "./run-archive.js";
import { placedRun } from "./run-place.js";
import type { RunWrite } from "./run-writes.js";

/** What is known of a run: updates stay apart, as they win over a create that comes after them. */
interface RunState {
  created: RunFields | undefined;
  updated: RunFields;
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
 * Bounded; a run that is not remembered is looked up in the mirror, unless it is too young to be there.
 */
export class RunStates {
  readonly #states = new Map<string, RunState>();
  readonly #lookups = new Map<string, Promise<void>>();
  readonly #archive: RunArchive;
  #bytes = 0;
  /** Runs that started later than this and are not remembered have never been seen. */
  #knownSince = 0n;
  #opened: Promise<void> | undefined;

  constructor(archive: RunArchive) {
    this.#archive = archive;
  }

  /** Applies writes in order and gives each run once, whole, as it is after them. */
  async merge(writes: readonly RunWrite[]): Promise<NativeRun[]> {
    await this.#open();
    await this.#recall(writes);
    const touched = new Map<string, NativeRun>();
    for (const write of writes) {
      const { id } = write.fields;
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

  #apply({ kind, fields, attachments, bytes }: RunWrite): RunState {
    const { id } = fields;
    const state = this.#states.get(id) ?? {
      created: undefined,
      updated: {},
      attachments: [],
      told: false,
      bytes: 0,
    };
    if (kind === "post")
      state.created = placedRun(
        state.created === undefined ? fields : { ...state.created, ...fields },
        (run) => this.#place(run),
      );
    else if (state.created === undefined && fields["trace_id"] === undefined) {
      throw notFound(`Run ${id} has not been created, and the update names no trace_id: run`);
    } else state.updated = { ...state.updated, ...fields };
    if (attachments.length > 0) {
      const names = new Set(attachments.map(({ name }) => name));
      state.attachments = [...state.attachments.filter(({ name }) => !names.has(name)), ...attachments];
    }
    this.#keep(id, state, bytes + bytesOf(attachments));
    return state;
  }

  #place(id: string): RunFields | undefined {
    const state = this.#states.get(id);
    return state?.created ?? state?.updated;
  }

  /** Puts it last in the order of forgetting. */
  #keep(id: string, state: RunState, more: number): void {
    state.bytes += more;
    this.#bytes += more;
    this.#states.delete(id);
    this.#states.set(id, state);
  }

  #forget(): void {
    for (const [id, state] of this.#states) {
      if (this.#states.size <= LANGSMITH_RUN_STATES_MAX && this.#bytes <= LANGSMITH_RUN_STATES_BYTES_MAX)
        return;
      this.#states.delete(id);
      this.#bytes -= state.bytes;
      const start = startOf(state.created ?? state.updated);
      if (start === undefined || start > this.#knownSince) this.#knownSince = start ?? MAX;
    }
  }

  /** Looks up what is not remembered and may be in the mirror; requests that name the same run wait for each other. */
  async #recall(writes: readonly RunWrite[]): Promise<void> {
    for (;;) {
      const running = writes.flatMap(({ fields }) => this.#lookups.get(fields.id) ?? []);
      if (running.length > 0) {
        await Promise.all(running);
        continue;
      }
      const missing = writes.filter((write) => this.#mayBeStored(write));
      if (missing.length === 0) return;
      const lookup = this.#lookUp(missing).finally(() => {
        for (const { fields } of missing) this.#lookups.delete(fields.id);
      });
      for (const { fields } of missing) this.#lookups.set(fields.id, lookup);
      return lookup;
    }
  }

  #mayBeStored({ fields }: RunWrite): boolean {
    if (this.#states.has(fields.id)) return false;
    const start = startOf(fields);
    return start === undefined || start <= this.#knownSince;
  }

  async #lookUp(writes: readonly RunWrite[]): Promise<void> {
    const found = await this.#archive.find(writes);
    for (const [id, { run, attachments }] of found) {
      const { [UPDATE_ONLY]: partial, ...fields } = run;
      const state =
        partial === true
          ? { created: undefined, updated: fields, attachments, told: false, bytes: 0 }
          : { created: fields, updated: {}, attachments, told: true, bytes: 0 };
      this.#keep(id, state, writeRunJson(run).length + bytesOf(attachments));
    }
  }
}

const MAX = 1n << 63n;

function startOf(fields: RunFields): bigint | undefined {
  return dottedOrderNanos(fields["dotted_order"]) ?? runTimeNanos(fields["start_time"]);
}

/** As LangSmith's own clients merge the two: a field of the update wins, unless it says nothing. */
function wholeRun({ created, updated, attachments, told }: RunState): NativeRun {
  const run: RunFields = { ...created };
  for (const [field, value] of Object.entries(updated)) {
    if (value !== null || run[field] === undefined) run[field] = value;
  }
  if (created === undefined) run[UPDATE_ONLY] = true;
  return { run, attachments, update: told || created === undefined };
}

function bytesOf(attachments: readonly RunAttachment[]): number {
  return attachments.reduce((sum, { content }) => sum + content.length, 0);
}
