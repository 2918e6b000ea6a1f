import {
  canonicalJson,
  checkRecord,
  CounterfoilError,
  errorMessage,
  exampleHash,
  type ChangeRecord,
  type JsonObject,
  nameUuid,
  recordTypeOf,
  timeToUnixNano,
  uuidOf,
  versionHash,
} from "../../../schema/index.js";
import type { ImportDoor } from "../../../store/index.js";
import { storeVersion } from "../../datasets/store-version.js";
import { exampleSchemaProblems } from "../../datasets/example-schemas.js";
import type { Rows } from "../../feedback/feedback-query.js";
import { textIn } from "../../records/text-in.js";
import { datasetIdOf } from "../../rules/rule-ids.js";
import { exampleOfRow, type RowMapping } from "./example-of-row.js";
import type { RowOrProblem } from "./file-rows.js";

/** What {@link importDataset} works with. */
export interface DatasetImportOptions {
  /** Name of the dataset, or id of one that is there. It is made when there is none of this name. */
  readonly dataset: string;
  readonly description?: string | undefined;
  readonly rows: readonly RowOrProblem[];
  readonly mapping: RowMapping;
  /** Split of the rows that name none, whatever file they are in. */
  readonly split?: string | undefined;
  /** Leave out rows that can't be taken; otherwise one of them stops the import. */
  readonly skipInvalid: boolean;
  /** Look only. */
  readonly dryRun: boolean;
  /** Rows of the mirror that sees everything written through the door. */
  readonly read: Rows;
  readonly door: ImportDoor;
  readonly now?: () => Date;
}

/** Rows that were not taken, for one reason. */
export interface SkippedRows {
  readonly reason: string;
  readonly count: number;
  /** The first of them. */
  readonly where: readonly string[];
}

/** What came of it: `found` is the sum of all that follows. */
export interface DatasetImportReport {
  readonly dataset: string;
  readonly dataset_id: string;
  readonly created: boolean;
  readonly found: number;
  readonly added: number;
  readonly modified: number;
  /** Here already with the same content, or imported before and changed or deleted here since. */
  readonly unchanged: number;
  /** The same example in the file again, of several splits for instance. */
  readonly repeated: number;
  readonly skipped: readonly SkippedRows[];
  /** Hash of the dataset's newest version, as `datasets log` shows it. */
  readonly version: string;
}

/** Namespace of the ids of imported examples, so that the same row has the same id again (I6). */
const EXAMPLES = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e20";
const SHOWN = 5;

/**
 * Makes rows into examples of a dataset as one change, and so one version: there is all of it or nothing. A row with an id is
 * that example, and changes it; one without is known again by its content. Throws CF_IMPORT_FILE_INVALID, before anything is
 * stored, when rows can't be taken and `skipInvalid` does not say to leave them out.
 */
export async function importDataset(options: DatasetImportOptions): Promise<DatasetImportReport> {
  const { door, dryRun, read, skipInvalid } = options;
  await door.settle();
  const target = await targetOf(options);
  const drafts = new Drafts(target);
  for (const row of options.rows) drafts.add(row, options);
  const taken = await idsOfOthers(read, target.id, drafts.ids());
  drafts.giveNewIds(taken);
  const skipped = drafts.skipped();
  if (skipped.length > 0 && !skipInvalid) throw refused(skipped);
  const here = await examplesHere(read, target.id);
  const changes = drafts.changes(here);
  const report = { ...drafts.counts(here), skipped, found: options.rows.length };
  const current = new Map(
    [...here].flatMap(([id, { hash }]) => (hash === null ? [] : [[id, hash] as const])),
  );
  for (const { id, data } of changes) current.set(id, exampleHash(data));
  const isNew =
    target.created && options.rows.length > report.skipped.reduce((sum, { count }) => sum + count, 0);
  if (!dryRun && (changes.length > 0 || isNew)) await store(options, target, { changes, here });
  return {
    dataset: target.name,
    dataset_id: target.id,
    created: isNew,
    ...report,
    version: versionHash(current.values()),
  };
}

interface Target {
  readonly id: string;
  readonly name: string;
  readonly data: JsonObject;
  readonly created: boolean;
}

async function targetOf({ dataset, description, read }: DatasetImportOptions): Promise<Target> {
  const [row] = await read(
    "SELECT id, name, data FROM datasets WHERE name = $1 OR id = $1 ORDER BY name = $1 DESC LIMIT 1",
    [dataset],
  );
  if (row !== undefined) {
    const data = JSON.parse(textIn(row, "data")) as JsonObject;
    return { id: textIn(row, "id"), name: textIn(row, "name"), data, created: false };
  }
  const data = { name: dataset, data_type: "kv", ...(description === undefined ? {} : { description }) };
  check("dataset", data);
  return { id: datasetIdOf(dataset), name: dataset, data, created: true };
}

interface Draft {
  id: string;
  /** The row brought the id, so that the example can be told from one with the same content. */
  readonly named: boolean;
  data: JsonObject;
}

/** What is to become of the rows. */
class Drafts {
  readonly #target: Target;
  readonly #byId = new Map<string, Draft>();
  /** How often a content came without an id. */
  readonly #times = new Map<string, number>();
  readonly #skipped = new Map<string, { count: number; where: string[] }>();
  #repeated = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  ids(): string[] {
    return [...this.#byId.keys()];
  }

  add(row: RowOrProblem, { mapping, split }: DatasetImportOptions): void {
    const { where } = row;
    if ("problem" in row) return this.#skip(where, row.problem);
    const found = exampleOfRow(row.row, mapping, row.split ?? split);
    if ("problem" in found) return this.#skip(where, found.problem);
    const problem = this.#problemOf(found.data);
    if (problem !== undefined) return this.#skip(where, problem);
    const given = found.id;
    if (given === undefined) {
      const hash = exampleHash(found.data);
      const times = (this.#times.get(hash) ?? 0) + 1;
      this.#times.set(hash, times);
      const id = this.#idOf(`content/${hash}/${times}`);
      this.#byId.set(id, { id, named: false, data: found.data });
      return;
    }
    const id = uuidOf(given) ?? this.#idOf(`id/${given}`);
    const before = this.#byId.get(id);
    if (before === undefined) this.#byId.set(id, { id, named: true, data: found.data });
    else if (!sameBut(before.data, found.data)) this.#skip(where, "its id came before with other content");
    else {
      this.#repeated++;
      before.data = withSplitsOf(before.data, found.data);
    }
  }

  /** The ids of examples of other datasets can't be used again. */
  giveNewIds(taken: ReadonlySet<string>): void {
    for (const draft of [...this.#byId.values()].filter(({ id }) => taken.has(id))) {
      this.#byId.delete(draft.id);
      draft.id = this.#idOf(`id/${draft.id}`);
      this.#byId.set(draft.id, draft);
    }
  }

  skipped(): SkippedRows[] {
    return [...this.#skipped].map(([reason, { count, where }]) => ({ reason, count, where }));
  }

  changes(here: ReadonlyMap<string, Here>): Draft[] {
    return [...this.#byId.values()].filter((draft) => isNews(draft, here.get(draft.id)));
  }

  counts(
    here: ReadonlyMap<string, Here>,
  ): Pick<DatasetImportReport, "added" | "modified" | "unchanged" | "repeated"> {
    const changes = this.changes(here);
    const modified = changes.filter(({ id }) => (here.get(id)?.hash ?? null) !== null).length;
    return {
      added: changes.length - modified,
      modified,
      unchanged: this.#byId.size - changes.length,
      repeated: this.#repeated,
    };
  }

  #idOf(name: string): string {
    return nameUuid(EXAMPLES, `${this.#target.id}/${name}`);
  }

  #problemOf(data: JsonObject): string | undefined {
    try {
      check("example", { ...data, dataset_id: this.#target.id });
    } catch (error) {
      return errorMessage(error);
    }
    const problems = exampleSchemaProblems(this.#target.data, data);
    return problems.length === 0 ? undefined : `the dataset's JSON Schema: ${problems.join("; ")}`;
  }

  #skip(where: string, reason: string): void {
    const known = this.#skipped.get(reason) ?? { count: 0, where: [] };
    known.count++;
    if (known.where.length < SHOWN) known.where.push(where);
    this.#skipped.set(reason, known);
  }
}

/** The last change of an example here: the hash of its content, null when it was deleted. */
interface Here {
  readonly hash: string | null;
  readonly createdAt: string | undefined;
  readonly time: bigint;
}

/** What was known by its content alone and changed or deleted here since stays as it is. */
function isNews({ data, named }: Draft, here: Here | undefined): boolean {
  if (here === undefined) return true;
  return named && here.hash !== exampleHash(data);
}

async function examplesHere(read: Rows, datasetId: string): Promise<Map<string, Here>> {
  const found = new Map<string, Here>();
  for (let last = ""; ;) {
    const rows = await read(
      `SELECT id, op, data, epoch_ns(time)::VARCHAR AS time FROM examples_history
WHERE id > $2 AND id IN (SELECT id FROM examples_history WHERE dataset_id = $1)
QUALIFY row_number() OVER (PARTITION BY id ORDER BY time DESC, seq DESC, seq_index DESC) = 1
ORDER BY id LIMIT ${ROWS_PER_QUERY}`,
      [datasetId, last],
    );
    for (const row of rows) {
      const data = typeof row["data"] === "string" ? (JSON.parse(row["data"]) as JsonObject) : null;
      const createdAt = data?.["created_at"];
      found.set(textIn(row, "id"), {
        hash: data === null ? null : exampleHash(data),
        createdAt: typeof createdAt === "string" ? createdAt : undefined,
        time: BigInt(textIn(row, "time")),
      });
    }
    const end = rows.at(-1);
    if (rows.length < ROWS_PER_QUERY || end === undefined) return found;
    last = textIn(end, "id");
  }
}

const ROWS_PER_QUERY = 1_000;
const IDS_PER_QUERY = 1_000;

async function idsOfOthers(read: Rows, datasetId: string, ids: readonly string[]): Promise<Set<string>> {
  const taken = new Set<string>();
  for (let at = 0; at < ids.length; at += IDS_PER_QUERY) {
    const some = ids.slice(at, at + IDS_PER_QUERY);
    const marks = some.map((_, n) => `$${n + 2}`).join(", ");
    const rows = await read(
      `SELECT DISTINCT id FROM examples_history WHERE dataset_id <> $1 AND id IN (${marks})`,
      [datasetId, ...some],
    );
    for (const row of rows) taken.add(textIn(row, "id"));
  }
  return taken;
}

/** One journal record: a crash leaves all of it or nothing. */
async function store(
  { door, now = () => new Date() }: DatasetImportOptions,
  target: Target,
  { changes, here }: { readonly changes: readonly Draft[]; readonly here: ReadonlyMap<string, Here> },
): Promise<void> {
  const latest = [...here.values()].reduce((most, { time }) => (time > most ? time : most), 0n);
  // A version is named by its time, which no other one may have, to the millisecond.
  const time = new Date(Math.max(now().getTime(), Number(latest / 1_000_000n) + 1)).toISOString();
  const put = (type: string, id: string, data: JsonObject): ChangeRecord => ({
    type,
    id,
    op: "put",
    time,
    source: "import",
    data,
  });
  const records = [
    ...(target.created ? [put("dataset", target.id, { ...target.data, created_at: time })] : []),
    ...changes.map(({ id, data }) =>
      put("example", id, {
        ...data,
        dataset_id: target.id,
        created_at: here.get(id)?.createdAt ?? createdAtOf(data) ?? time,
      }),
    ),
  ];
  await storeVersion(door, records);
}

function createdAtOf({ created_at: given }: JsonObject): string | undefined {
  return timeToUnixNano(given) === undefined ? undefined : (given as string);
}

function check(type: string, data: JsonObject): void {
  const known = recordTypeOf(type);
  if (known !== undefined) checkRecord(known, data);
}

const SPLIT = "dataset_split";

function metadataOf({ metadata }: JsonObject): JsonObject {
  return (metadata ?? {}) as JsonObject;
}

/** Whether two rows are one example: they may differ in their splits. */
function sameBut(left: JsonObject, right: JsonObject): boolean {
  const bare = (data: JsonObject): string =>
    canonicalJson({ ...data, metadata: { ...metadataOf(data), [SPLIT]: null } });
  return bare(left) === bare(right);
}

function withSplitsOf(data: JsonObject, other: JsonObject): JsonObject {
  const splits = [data, other].flatMap((each) => {
    const given = metadataOf(each)[SPLIT];
    return Array.isArray(given) ? (given as readonly string[]) : typeof given === "string" ? [given] : [];
  });
  const all = [...new Set(splits)];
  return all.length === 0 || canonicalJson(metadataOf(data)[SPLIT] ?? null) === canonicalJson(all)
    ? data
    : { ...data, metadata: { ...metadataOf(data), [SPLIT]: all } };
}

function refused(skipped: readonly SkippedRows[]): CounterfoilError {
  const lines = skipped.slice(0, SHOWN).map(({ reason, count, where }) => {
    const more = count > where.length ? `, and ${count - where.length} more` : "";
    return `  ${where.join(", ")}${more}: ${reason}`;
  });
  const rows = skipped.reduce((sum, { count }) => sum + count, 0);
  const rest = skipped.length > SHOWN ? `\n  and ${skipped.length - SHOWN} other reasons` : "";
  return new CounterfoilError(
    "CF_IMPORT_FILE_INVALID",
    `${rows} row${rows === 1 ? "" : "s"} can't be examples:\n${lines.join("\n")}${rest}\nNothing was stored. Mend them, or leave them out with --skip-invalid.`,
  );
}
