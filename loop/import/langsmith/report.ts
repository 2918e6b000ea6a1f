import { errorMessage } from "../../../schema/index.js";
import { SourceError } from "./source.js";

/** What is imported, in the order of the report. */
export const IMPORT_TYPES = [
  "projects",
  "experiments",
  "runs",
  "run attachments",
  "feedback",
  "datasets",
  "dataset versions",
  "dataset tags",
  "example changes",
  "comparative experiments",
  "feedback configs",
  "prompts",
  "prompt commits",
  "model prices",
  "annotation queues",
  "queue items",
  "rules",
  "online evaluators",
] as const;

/** One of {@link IMPORT_TYPES}, or a type of record. */
export type ImportType = string;

/** What became of one type. */
export interface TypeReport {
  readonly type: ImportType;
  /** Things that the source has. */
  readonly found: number;
  /** Written now. */
  readonly stored: number;
  /** Here already, with the same content. */
  readonly unchanged: number;
  readonly skipped: readonly Skipped[];
  /** Why the type could not be read to its end; what is not here yet comes with the next import. */
  readonly failed?: string;
  /** The source has no such route: the status of its answer. */
  readonly notOffered?: number;
  /** Things that this version of Counterfoil has no place for. */
  readonly notKept?: number;
}

/** Things that were not stored, for one reason. */
export interface Skipped {
  readonly reason: string;
  readonly count: number;
  /** The first of them. */
  readonly ids: readonly string[];
}

/** What an import did. */
export interface ImportReport {
  readonly endpoint: string;
  readonly types: readonly TypeReport[];
  /** Requests that were made again after a failure. */
  readonly retries: number;
  /** Nothing was skipped and nothing failed. */
  readonly complete: boolean;
}

interface Tally {
  found: number;
  stored: number;
  unchanged: number;
  readonly skipped: Map<string, { count: number; ids: string[] }>;
  failed: string | undefined;
  notOffered: number | undefined;
  notKept: number;
}

const IDS_SHOWN = 5;

/** Counts what becomes of everything. */
export class ImportTally {
  readonly #types: Map<ImportType, Tally>;

  /** `types` are in the report in any case, in their order. */
  constructor(types: readonly ImportType[] = IMPORT_TYPES) {
    this.#types = new Map(types.map((type) => [type, emptyTally()]));
  }

  found(type: ImportType, count = 1): void {
    this.#of(type).found += count;
  }

  stored(type: ImportType, count = 1): void {
    this.#of(type).stored += count;
  }

  unchanged(type: ImportType, count = 1): void {
    this.#of(type).unchanged += count;
  }

  /** There is no type of record for them. */
  notKept(type: ImportType, count: number): void {
    this.#of(type).found += count;
    this.#of(type).notKept += count;
  }

  skipped(type: ImportType, id: string, reason: string): void {
    const { skipped } = this.#of(type);
    const known = skipped.get(reason) ?? { count: 0, ids: [] };
    known.count += 1;
    if (known.ids.length < IDS_SHOWN) known.ids.push(id);
    skipped.set(reason, known);
  }

  /**
   * Runs the import of one type. What the source does not offer, and what fails there, is written down, and the others go
   * on. Throws what is no answer of the source: the user's interruption, the own server's errors, wrong credentials.
   */
  async attempt(type: ImportType, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof SourceError) || error.status === 401 || error.status === 403) throw error;
      const tally = this.#of(type);
      if (error.notOffered) tally.notOffered = error.status;
      else tally.failed = errorMessage(error);
    }
  }

  report(endpoint: string, retries: number): ImportReport {
    const types = [...this.#types].map(
      ([type, { found, stored, unchanged, skipped, failed, notOffered, notKept }]): TypeReport => ({
        type,
        found,
        stored,
        unchanged,
        skipped: [...skipped].map(([reason, { count, ids }]) => ({ reason, count, ids })),
        ...(failed === undefined ? {} : { failed }),
        ...(notOffered === undefined ? {} : { notOffered }),
        ...(notKept === 0 ? {} : { notKept }),
      }),
    );
    const complete = types.every(({ skipped, failed }) => skipped.length === 0 && failed === undefined);
    return { endpoint, types, retries, complete };
  }

  #of(type: ImportType): Tally {
    const known = this.#types.get(type) ?? emptyTally();
    this.#types.set(type, known);
    return known;
  }
}

function emptyTally(): Tally {
  return {
    found: 0,
    stored: 0,
    unchanged: 0,
    skipped: new Map(),
    failed: undefined,
    notOffered: undefined,
    notKept: 0,
  };
}
