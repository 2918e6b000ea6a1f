import { setImmediate } from "node:timers/promises";
import {
  CounterfoilError,
  exampleHash,
  type JsonObject,
  timeToUnixNano,
  versionHash,
} from "../../schema/index.js";
import type { ReaderRow } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { TIME_TEXT } from "./example-sql.js";
import { textIn } from "../records/text-in.js";

/** Bytes of changes that are read at once, and what a change has of them beside its content. */
const PAGE_BYTES = 4 * 1024 * 1024;
const ROW_BYTES = 200;
/** Changes that are hashed before others have a turn. */
const CHANGES_PER_TURN = 500;
/** Tag of the newest version; it moves by itself. */
const LATEST = "latest";

/** One version of a dataset, with what it changed. */
export interface DatasetLogEntry {
  /** Time of the change, which names the version. */
  readonly as_of: string;
  /** Hash of its content, see `versionHash`. */
  readonly hash: string;
  readonly examples: number;
  readonly added: number;
  readonly modified: number;
  readonly removed: number;
  readonly tags: readonly string[];
  /** Who changed it: `api`, `langsmith`, `import`, or the names of rules. */
  readonly by: readonly string[];
}

/** An example that differs between two versions. */
export interface ExampleDifference {
  readonly id: string;
  readonly change: "added" | "modified" | "removed";
  readonly before: JsonObject | null;
  readonly after: JsonObject | null;
}

/** One change of an example. */
export interface ExampleRevision {
  readonly time: string;
  readonly op: "put" | "delete";
  readonly by: string;
  /** Fields that the change made different. */
  readonly fields: readonly string[];
  readonly hash: string | null;
  readonly data: JsonObject | null;
}

/** A dataset by name or id. Throws CF_NOT_FOUND. */
export async function findDataset(rows: Rows, nameOrId: string): Promise<{ id: string; name: string }> {
  const [row] = await rows(
    "SELECT id, name FROM datasets WHERE id = $1 OR name = $1 ORDER BY id = $1 DESC LIMIT 1",
    [nameOrId],
  );
  if (row === undefined) throw new CounterfoilError("CF_NOT_FOUND", `Dataset ${nameOrId} not found`);
  return { id: textIn(row, "id"), name: textIn(row, "name") };
}

/** The versions of a dataset, newest first, at most `limit`. */
export async function datasetLog(rows: Rows, datasetId: string, limit: number): Promise<DatasetLogEntry[]> {
  const changes = await readChanges(rows, datasetId);
  const tags = await tagsOf(rows, datasetId);
  const steps = groupedByTime(changes);
  const current = new Map<string, string>();
  const log: DatasetLogEntry[] = [];
  for (const [index, { time, changes: step }] of steps.entries()) {
    const before = new Map(step.map(({ id }) => [id, current.get(id)]));
    for (const { id, hash } of step) {
      if (hash === null) current.delete(id);
      else current.set(id, hash);
    }
    // Hashing a version reads every example's hash: only for those that are shown.
    if (index < steps.length - limit) continue;
    const count = (wanted: (was: string | undefined, is: string | undefined) => boolean): number =>
      [...before].filter(([id, was]) => wanted(was, current.get(id))).length;
    const named = [...tags].flatMap(([tag, at]) =>
      timeToUnixNano(at) === timeToUnixNano(time) ? [tag] : [],
    );
    log.push({
      as_of: time,
      hash: versionHash(current.values()),
      examples: current.size,
      added: count((was, is) => was === undefined && is !== undefined),
      modified: count((was, is) => was !== undefined && is !== undefined && was !== is),
      removed: count((was, is) => was !== undefined && is === undefined),
      tags: index === steps.length - 1 ? [LATEST, ...named] : named,
      by: [...new Set(step.map(({ by }) => by))],
    });
  }
  return log.reverse();
}

/** What differs between two versions, each a time, a tag, or the start of a version's hash. Throws CF_NOT_FOUND. */
export async function datasetDiff(
  rows: Rows,
  datasetId: string,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<ExampleDifference[]> {
  const [first, last] = [await versionTime(rows, datasetId, from), await versionTime(rows, datasetId, to)];
  const [early, late] = first <= last ? [first, last] : [last, first];
  // Only what changed in between can differ.
  const found = await rows(
    `WITH touched AS (
  SELECT DISTINCT id FROM examples_history
  WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $1)
    AND time > CAST($2 AS TIMESTAMP_NS) AND time <= CAST($3 AS TIMESTAMP_NS)),
at_time AS (
  SELECT h.id, w.version, arg_max({'op': h.op, 'data': h.data}, {'t': h.time, 's': h.seq, 'i': h.seq_index}) AS last
  FROM examples_history AS h, (VALUES ('early', $2), ('late', $3)) AS w(version, time)
  WHERE h.id IN (SELECT id FROM touched) AND h.time <= CAST(w.time AS TIMESTAMP_NS) GROUP BY h.id, w.version)
SELECT id, max(CASE WHEN version = 'early' AND last.op = 'put' THEN last.data END) AS early,
       max(CASE WHEN version = 'late' AND last.op = 'put' THEN last.data END) AS late
FROM at_time GROUP BY id ORDER BY id`,
    [datasetId, early, late],
  );
  const forwards = first <= last;
  return found.flatMap((row): ExampleDifference[] => {
    const before = dataIn(row, forwards ? "early" : "late");
    const after = dataIn(row, forwards ? "late" : "early");
    const change = before === null ? "added" : after === null ? "removed" : "modified";
    if (before === null && after === null) return [];
    if (before !== null && after !== null && exampleHash(before) === exampleHash(after)) return [];
    return [{ id: textIn(row, "id"), change, before, after }];
  });
}

/** Every change of an example, oldest first. Throws CF_NOT_FOUND. */
export async function exampleRevisions(rows: Rows, exampleId: string): Promise<ExampleRevision[]> {
  const found = await rows(
    `SELECT op, data, source, ${TIME_TEXT("time")} AS time FROM examples_history WHERE id = $1
ORDER BY examples_history.time, seq, seq_index`,
    [exampleId],
  );
  if (found.length === 0) throw new CounterfoilError("CF_NOT_FOUND", `Example ${exampleId} not found`);
  let before: JsonObject = {};
  return found.map((row) => {
    const data = dataIn(row, "data");
    const after = data ?? {};
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    const fields = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
    before = after;
    return {
      time: textIn(row, "time"),
      op: data === null ? ("delete" as const) : ("put" as const),
      by: authorOf(row, data),
      fields: data === null ? [] : fields,
      hash: data === null ? null : exampleHash(data),
      data,
    };
  });
}

interface Change {
  readonly id: string;
  readonly time: string;
  /** Null for a delete. */
  readonly hash: string | null;
  readonly by: string;
}

/** All changes of a dataset's examples in the order in which they count, content hashed and left behind. */
async function readChanges(rows: Rows, datasetId: string): Promise<Change[]> {
  const changes: Change[] = [];
  // Few different texts, in as many changes as there are.
  const known = new Map<string, string>();
  const same = (text: string): string => known.get(text) ?? (known.set(text, text), text);
  for (const page of await pagesOf(rows, datasetId)) {
    const { first_seq, first_index, last_seq, last_index } = page;
    // To look up ids costs a pass over the whole history: most pages have nothing but examples of the dataset.
    const among =
      page["is_own"] === true
        ? "dataset_id = $1"
        : "id IN (SELECT id FROM examples_history WHERE dataset_id = $1)";
    const found = await rows(
      `SELECT id, data, source, dataset_id, ${TIME_TEXT("time")} AS time FROM examples_history
WHERE ${among} AND seq BETWEEN $2 AND $4 AND NOT (seq = $2 AND seq_index < $3) AND NOT (seq = $4 AND seq_index > $5)
ORDER BY seq, seq_index`,
      [datasetId, ...[first_seq, first_index, last_seq, last_index].map(Number)],
    );
    for (const [at, row] of found.entries()) {
      // Hashing must not hold what else the process does.
      if (at % CHANGES_PER_TURN === 0) await setImmediate();
      const data = dataIn(row, "data");
      changes.push({
        id: textIn(row, "id"),
        time: same(textIn(row, "time")),
        // One that went to another dataset is not in this one.
        hash: data === null || row["dataset_id"] !== datasetId ? null : exampleHash(data),
        by: same(authorOf(row, data)),
      });
    }
  }
  // By time, as `as_of` reads them; the journal's order, in which they are, decides within one.
  return changes.sort(({ time: a }, { time: b }) => (a === b ? 0 : a < b ? -1 : 1));
}

/** Where parts of a dataset's history begin and end that have about {@link PAGE_BYTES}, one change at least. */
function pagesOf(rows: Rows, datasetId: string): Promise<readonly ReaderRow[]> {
  return rows(
    `SELECT arg_min(seq, n) AS first_seq, arg_min(seq_index, n) AS first_index,
  arg_max(seq, n) AS last_seq, arg_max(seq_index, n) AS last_index,
  bool_and(dataset_id IS NOT DISTINCT FROM $1) AS is_own
FROM (
  SELECT seq, seq_index, dataset_id, row_number() OVER w AS n,
    sum(coalesce(strlen(data), 0) + ${ROW_BYTES}) OVER w AS bytes
  FROM examples_history WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $1)
  WINDOW w AS (ORDER BY seq, seq_index ROWS UNBOUNDED PRECEDING)
) GROUP BY bytes // ${PAGE_BYTES} ORDER BY first_seq, first_index`,
    [datasetId],
  );
}

function groupedByTime(changes: readonly Change[]): { readonly time: string; readonly changes: Change[] }[] {
  const steps: { readonly time: string; readonly changes: Change[] }[] = [];
  for (const change of changes) {
    const last = steps.at(-1);
    if (last?.time === change.time) last.changes.push(change);
    else steps.push({ time: change.time, changes: [change] });
  }
  return steps;
}

async function tagsOf(rows: Rows, datasetId: string): Promise<Map<string, string>> {
  const found = await rows(
    `SELECT tag, ${TIME_TEXT("as_of")} AS as_of FROM dataset_tags WHERE dataset_id = $1 ORDER BY tag`,
    [datasetId],
  );
  return new Map(found.map((row) => [textIn(row, "tag"), textIn(row, "as_of")]));
}

/** The time of a version, which is a time, a tag, or the start of a version's hash. Throws CF_NOT_FOUND. */
export async function versionTime(rows: Rows, datasetId: string, version: string): Promise<string> {
  if (timeToUnixNano(version) !== undefined) return version;
  const tag = (await tagsOf(rows, datasetId)).get(version);
  if (tag !== undefined) return tag;
  // The newest needs no hashes: those of a million examples take minutes.
  const newest = version === LATEST ? await newestTime(rows, datasetId) : undefined;
  if (newest !== undefined) return newest;
  const log = await datasetLog(rows, datasetId, Number.MAX_SAFE_INTEGER);
  const found = log.find(
    ({ hash, tags }) => tags.includes(version) || (version.length >= 6 && hash.startsWith(version)),
  );
  if (found !== undefined) return found.as_of;
  throw new CounterfoilError(
    "CF_NOT_FOUND",
    `Version ${version} not found: give a time, a tag, or at least 6 digits of a version's hash.`,
  );
}

/** Undefined when the dataset never had an example. */
async function newestTime(rows: Rows, datasetId: string): Promise<string | undefined> {
  const [row] = await rows(
    `SELECT ${TIME_TEXT("max(time)")} AS time FROM examples_history
WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $1)`,
    [datasetId],
  );
  const time = row?.["time"];
  return typeof time === "string" ? time : undefined;
}

function authorOf(row: ReaderRow, data: JsonObject | null): string {
  const provenance = data?.["provenance"] as JsonObject | null | undefined;
  const rule = provenance?.["rule"] as JsonObject | null | undefined;
  // An example keeps its provenance when someone changes it later: the source of the change decides.
  return row["source"] === "rule" && typeof rule?.["name"] === "string"
    ? `rule ${rule["name"]}`
    : textIn(row, "source");
}

function dataIn(row: ReaderRow, column: string): JsonObject | null {
  const text = row[column];
  return typeof text === "string" ? (JSON.parse(text) as JsonObject) : null;
}
