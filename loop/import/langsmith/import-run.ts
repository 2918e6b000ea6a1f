import type { ChangeRecord, JsonObject, JsonValue, RecordType } from "../../../schema/index.js";
import { canonicalJson, recordTypeOf, timeToUnixNano, wellFormedJson } from "../../../schema/index.js";
import type { ReaderRow, SqlParameter } from "../../../store/index.js";
import type { ImportDoor } from "./door.js";
import { RunPages, type SourceProject } from "./run-pages.js";
import { objectIn } from "./run-shape.js";
import { ImportTally, type ImportType } from "./report.js";
import type { LangSmithSource, QueryValue } from "./source.js";
import type { StateFile } from "./state.js";

/** What every part of an import works with. */
export interface ImportRun {
  readonly source: LangSmithSource;
  readonly door: ImportDoor;
  readonly file: StateFile;
  readonly tally: ImportTally;
  readonly pages: RunPages;
  readonly now: () => Date;
  readonly since: Date | undefined;
  /** Projects to import, by name or id; all when undefined. */
  readonly projects: readonly string[] | undefined;
  /** Ids of the feedback that was read. */
  readonly feedbackSeen: Set<string>;
  /** A new number of things that were looked at, of how many as far as is known. */
  onProgress(what: string, done: number, total: number | undefined): void;
}

/** A project or experiment as the source lists it. */
export interface ListedProject extends SourceProject {
  readonly data: JsonObject;
  readonly isExperiment: boolean;
}

/** Things in one page of the version 1 API. */
export const PAGE = 100;

/** Every thing of a listing that pages by offset. Items that are no objects are left out. */
export async function* listed(
  source: LangSmithSource,
  path: string,
  query: Readonly<Record<string, QueryValue>> = {},
): AsyncGenerator<JsonObject[]> {
  for (let offset = 0; ; offset += PAGE) {
    const answer = await source.get(path, { ...query, limit: PAGE, offset });
    const list: readonly unknown[] = Array.isArray(answer) ? answer : [];
    yield objectsIn(list);
    if (list.length < PAGE) return;
  }
}

/** Every thing of a listing that is a field of the answer, and pages by offset. */
export async function* paged(
  { source }: Pick<ImportRun, "source">,
  path: string,
  field: string,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<JsonObject[]> {
  for (let offset = 0; ; offset += PAGE) {
    const answer = objectIn(await source.get(path, { ...query, limit: PAGE, offset }));
    const items = objectsIn(answer?.[field]);
    yield items;
    if (items.length < PAGE) return;
  }
}

/** The objects of a list. */
export function objectsIn(list: unknown): JsonObject[] {
  const items: readonly unknown[] = Array.isArray(list) ? list : [];
  return items.map(objectIn).filter((item) => item !== undefined);
}

/** Rows of a query that has `id > $1` in its condition: page by page, as one answer has a bound. */
export async function* rowsById(
  door: Pick<ImportDoor, "rows">,
  sql: string,
  params: readonly SqlParameter[] = [],
): AsyncGenerator<readonly ReaderRow[]> {
  let last = "";
  for (;;) {
    const rows = await door.rows(`${sql} ORDER BY id LIMIT ${ROWS_PER_QUERY}`, [last, ...params]);
    yield rows;
    const id = rows.at(-1)?.["id"];
    if (rows.length < ROWS_PER_QUERY || typeof id !== "string") return;
    last = id;
  }
}

/** What is here of records of one type. */
interface Here {
  readonly op: string;
  readonly data: string | null;
  readonly source: string | null;
  readonly time: string;
}

const IDS_PER_QUERY = 1_000;
const ROWS_PER_QUERY = 20_000;

/** The last change of each of these ids, from the history: also a delete. */
async function recordsHere(
  door: Pick<ImportDoor, "rows">,
  { table }: RecordType,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Here>> {
  const found = new Map<string, Here>();
  for (let at = 0; at < ids.length; at += IDS_PER_QUERY) {
    const params: SqlParameter[] = ids.slice(at, at + IDS_PER_QUERY);
    const marks = params.map((_, index) => `$${index + 1}`).join(", ");
    const rows = await door.rows(
      `SELECT id, op, data, source, epoch_ns(time)::VARCHAR AS time_ns FROM ${table}_history WHERE id IN (${marks})
QUALIFY row_number() OVER (PARTITION BY id ORDER BY seq DESC, seq_index DESC) = 1`,
      params,
    );
    for (const row of rows) {
      const { id, op, data, source, time_ns: time } = row;
      if (typeof id !== "string" || typeof op !== "string") continue;
      found.set(id, {
        op,
        data: typeof data === "string" ? data : null,
        source: typeof source === "string" ? source : null,
        time: typeof time === "string" ? time : "0",
      });
    }
  }
  return found;
}

/**
 * Stores the state of things, where it is not here yet. What was decided here stays: a delete, and a change that is
 * later than the source's.
 */
export async function storeRecords(
  run: ImportRun,
  type: ImportType,
  changes: readonly ChangeRecord[],
): Promise<void> {
  run.tally.found(type, changes.length);
  const missing = await missingRecords(run.door, changes);
  run.tally.unchanged(type, changes.length - missing.length);
  await putAll(run, type, missing);
}

/** Of changes of one type those that are not here. What was decided here, later or by deleting it, counts as here. */
export async function missingRecords(
  door: Pick<ImportDoor, "rows">,
  changes: readonly ChangeRecord[],
): Promise<ChangeRecord[]> {
  const [first] = changes;
  const known = first === undefined ? undefined : recordTypeOf(first.type);
  if (known === undefined) return [];
  const ids = changes.map(({ id }) => id);
  const here = await recordsHere(door, known, ids);
  return changes.filter((change) => !isHere(change, here.get(change.id)));
}

/** Stores changes, and counts. */
export async function putAll(
  run: ImportRun,
  type: ImportType,
  changes: readonly ChangeRecord[],
): Promise<void> {
  const refused = await run.door.records(changes);
  run.tally.stored(type, changes.length - refused.length);
  for (const { id, reason } of refused) run.tally.skipped(type, id, reason);
}

function isHere(change: ChangeRecord, here: Here | undefined): boolean {
  if (here === undefined) return false;
  if (here.op === "delete") return true;
  if (here.data !== null && contentOf(JSON.parse(here.data) as JsonValue) === contentOf(change.data))
    return true;
  return here.source !== "import" && BigInt(here.time) >= (timeToUnixNano(change.time) ?? 0n);
}

/** As the mirror keeps it. */
function contentOf(data: JsonValue): string {
  return wellFormedJson(canonicalJson(data));
}

/** Gives each thing of a table a name that nothing else of the table has here: names are unique. */
export class FreeNames {
  /** Ids by names. */
  readonly #taken: Map<unknown, unknown>;

  private constructor(taken: Map<unknown, unknown>) {
    this.#taken = taken;
  }

  static async of(
    { door }: Pick<ImportRun, "door">,
    table: "annotation_queues" | "rules",
  ): Promise<FreeNames> {
    const rows = await door.rows(`SELECT id, name FROM ${table}`, []);
    return new FreeNames(new Map(rows.map(({ id, name }) => [name, id])));
  }

  /** The name, or one beside it when another thing has it. */
  take(name: string, id: string): string {
    const free = (this.#taken.get(name) ?? id) === id ? name : `${name} (${id})`;
    this.#taken.set(free, id);
    return free;
  }
}

/** The fields that say something: without those that are null, and without the named ones. */
export function fieldsOf(item: JsonObject, without: ReadonlySet<string>): JsonObject {
  return Object.fromEntries(
    Object.entries(item).filter(([name, value]) => value !== null && !without.has(name)),
  );
}

/** A text of an object; undefined when it is none, or empty. */
export function textAt(item: JsonObject | undefined, name: string): string | undefined {
  const value = item?.[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}
