import {
  CounterfoilError,
  type ChangeRecord,
  exampleHash,
  type JsonObject,
  nameUuid,
  timeToUnixNano,
  versionHash,
} from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { textIn } from "../records/text-in.js";
import { datasetLog, type DatasetLogEntry } from "./dataset-history.js";
import { examplesAsOf } from "./example-sql.js";
import {
  type Choice,
  type CommonState,
  type ExamplePart,
  mergePair,
  type Pair,
  pairLines,
} from "./merge-lines.js";

/** Two lines of a dataset, and how to decide. */
export interface MergeRequest {
  readonly rows: Rows;
  /** The line that is changed, and the one that is taken in. */
  readonly ours: { readonly id: string; readonly name: string };
  readonly theirs: { readonly id: string; readonly name: string };
  /** A version of theirs by its time; the newest by default. */
  readonly theirsAsOf?: string | undefined;
  /** The lines have nothing in common: everything of theirs that ours has not is added. */
  readonly unrelated: boolean;
  /** Whose state an example of ours gets when both changed it, by its id. */
  readonly choice: (id: string) => Choice | undefined;
  readonly now?: () => Date;
}

/** An example that both changed, differently. */
export interface MergeConflict {
  /** Its id in ours, and in theirs. */
  readonly id: string;
  readonly theirs_id: string;
  /** What differs; empty when one side deleted it. */
  readonly parts: readonly ExamplePart[];
  readonly base: JsonObject | null;
  readonly ours: JsonObject | null;
  readonly theirs: JsonObject | null;
}

/** What a merge does to ours. With conflicts nothing is to be written. */
export interface MergePlan {
  /** The version that both had; null when they are merged as unrelated. */
  readonly common: {
    readonly hash: string;
    readonly ours_as_of: string;
    readonly theirs_as_of: string;
  } | null;
  readonly added: number;
  readonly modified: number;
  readonly removed: number;
  readonly conflicts: readonly MergeConflict[];
  /** Hash of the version that it makes. */
  readonly version: string;
  /** One change set: all of it is one version. */
  readonly changes: readonly ChangeRecord[];
}

/** Namespace of the ids of examples that a merge adds, so that the same one has the same id again (I6). */
const MERGED = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e21";
const PAGE_ROWS = 1_000;

/**
 * Merges `theirs` into `ours`, three ways: against the newest version that both have had, known by its content hash, or what
 * an earlier merge of the two wrote down for an example. What only one line changed is taken from it; what both changed
 * differently is a conflict, unless `choice` decides. Throws CF_CONFLICT when they have no version in common.
 */
export async function planMerge(request: MergeRequest): Promise<MergePlan> {
  const { ours, rows, theirs, unrelated } = request;
  if (ours.id === theirs.id) {
    throw new CounterfoilError("CF_USAGE", `${ours.name} can't be merged into itself.`);
  }
  const [oursLog, theirsLog] = [await logOf(rows, ours.id), await logOf(rows, theirs.id, request.theirsAsOf)];
  const common = unrelated ? null : commonVersion(oursLog, theirsLog, request);
  const at = async (id: string, asOf: string | undefined): Promise<Map<string, JsonObject>> =>
    common === null ? new Map() : stateAt(rows, id, asOf);
  const lines = {
    base: { ours: await at(ours.id, common?.ours_as_of), theirs: await at(theirs.id, common?.theirs_as_of) },
    ours: await stateAt(rows, ours.id, undefined),
    theirs: await stateAt(rows, theirs.id, request.theirsAsOf),
  };
  const merged = await mergedBefore(request, lines, timeToUnixNano(common?.ours_as_of) ?? 0n);
  const pairs = pairLines({ ...lines, merged });
  const times = [oursLog[0]?.as_of, theirsLog[0]?.as_of].map((time) =>
    Number((timeToUnixNano(time) ?? 0n) / 1_000_000n),
  );
  const now = (request.now ?? (() => new Date()))().getTime();
  const time = new Date(Math.max(now, ...times.map((each) => each + 1))).toISOString();
  return { common, ...merge(pairs, { ...request, time, current: lines.ours }) };
}

interface Merging extends Pick<MergeRequest, "choice" | "ours" | "theirs"> {
  readonly time: string;
  readonly current: ReadonlyMap<string, JsonObject>;
}

function merge(pairs: readonly Pair[], merging: Merging): Omit<MergePlan, "common"> {
  const conflicts: MergeConflict[] = [];
  const changes: ChangeRecord[] = [];
  const after = new Map([...merging.current].map(([id, data]) => [id, exampleHash(data)]));
  const counts = { added: 0, modified: 0, removed: 0 };
  for (const pair of pairs) {
    const id = pair.ours?.id ?? newIdOf(merging, pair.theirs?.id ?? "");
    const before = pair.ours?.data ?? null;
    const choice = merging.choice(id);
    const result = mergePair(pair, choice);
    if (result.kind === "conflict") {
      conflicts.push({
        id,
        theirs_id: pair.theirs?.id ?? "",
        parts: result.parts,
        base: pair.base.data ?? null,
        ours: before,
        theirs: pair.theirs?.data ?? null,
      });
    } else if (result.kind === "delete") {
      counts.removed++;
      after.delete(id);
      changes.push({ type: "example", id, op: "delete", time: merging.time, source: "merge", data: null });
    } else if (result.kind === "put") {
      counts[before === null ? "added" : "modified"]++;
      after.set(id, exampleHash(result.data));
      changes.push(putOf(merging, { pair, id, data: result.data }));
    } else if (choice === "ours" && before !== null && mergePair(pair).kind !== "keep") {
      // Its content stays. That it was decided is written down, so that the next merge does not ask again.
      changes.push(putOf(merging, { pair, id, data: before }));
    }
  }
  return { ...counts, conflicts, changes, version: versionHash(after.values()) };
}

function putOf(
  { ours, theirs, time }: Merging,
  { data, id, pair }: { readonly pair: Pair; readonly id: string; readonly data: JsonObject },
): ChangeRecord {
  const { created_at: createdAt, provenance } = pair.ours?.data ?? {};
  const theirData = pair.theirs?.data ?? null;
  const note = {
    dataset: theirs.id,
    example: pair.theirs?.id ?? "",
    theirs: theirData === null ? null : exampleHash(theirData),
    ours: exampleHash(data),
    at: time,
  };
  return {
    type: "example",
    id,
    op: "put",
    time,
    source: "merge",
    data: {
      ...data,
      dataset_id: ours.id,
      created_at: createdAt ?? time,
      provenance: { ...((provenance ?? data["provenance"] ?? {}) as JsonObject), merge: note },
    },
  };
}

function newIdOf({ ours }: Pick<Merging, "ours">, theirsId: string): string {
  return nameUuid(MERGED, `${ours.id}/${theirsId}`);
}

/** Versions of a line, newest first, up to a time. */
async function logOf(rows: Rows, id: string, asOf?: string): Promise<DatasetLogEntry[]> {
  const log = await datasetLog(rows, id, Number.MAX_SAFE_INTEGER);
  const until = timeToUnixNano(asOf);
  return until === undefined ? log : log.filter((entry) => (timeToUnixNano(entry.as_of) ?? 0n) <= until);
}

function commonVersion(
  oursLog: readonly DatasetLogEntry[],
  theirsLog: readonly DatasetLogEntry[],
  { ours, theirs }: MergeRequest,
): NonNullable<MergePlan["common"]> {
  const theirsByHash = new Map([...theirsLog].reverse().map((entry) => [entry.hash, entry]));
  for (const { hash, as_of: oursAsOf, examples } of oursLog) {
    const other = examples === 0 ? undefined : theirsByHash.get(hash);
    if (other !== undefined) return { hash, ours_as_of: oursAsOf, theirs_as_of: other.as_of };
  }
  throw new CounterfoilError(
    "CF_CONFLICT",
    `${ours.name} and ${theirs.name} never had a version with the same content, so that nobody can tell what was changed. Merge them with --unrelated to add what ${ours.name} has not.`,
  );
}

async function stateAt(rows: Rows, id: string, asOf: string | undefined): Promise<Map<string, JsonObject>> {
  const state = new Map<string, JsonObject>();
  for (let last = ""; ;) {
    const params = [id, last, ...(asOf === undefined ? [] : [asOf])];
    const found = await rows(
      `SELECT id, data FROM (${examplesAsOf(asOf, () => "$3")}) WHERE dataset_id = $1 AND id > $2 ORDER BY id LIMIT ${PAGE_ROWS}`,
      params,
    );
    for (const row of found) state.set(textIn(row, "id"), JSON.parse(textIn(row, "data")) as JsonObject);
    if (found.length < PAGE_ROWS) return state;
    last = textIn(found.at(-1), "id");
  }
}

interface Note {
  readonly oursId: string;
  readonly theirsId: string;
  readonly at: bigint;
  readonly base: CommonState;
}

/** What earlier merges of the two, in either direction, wrote down after the version that both have in common. */
async function mergedBefore(
  { ours, rows, theirs }: MergeRequest,
  lines: { readonly ours: ReadonlyMap<string, JsonObject>; readonly theirs: ReadonlyMap<string, JsonObject> },
  after: bigint,
): Promise<Map<string, { theirs: string; base: CommonState }>> {
  const notes: Note[] = [];
  const add = (id: string, data: JsonObject, isOurs: boolean): void => {
    const note = noteIn(data, isOurs ? theirs.id : ours.id);
    if (note === undefined || note.at <= after) return;
    const { at, example, left, right } = note;
    notes.push(
      isOurs
        ? { oursId: id, theirsId: example, at, base: { ours: left, theirs: right } }
        : { oursId: example, theirsId: id, at, base: { ours: right, theirs: left } },
    );
  };
  for (const [id, data] of [...lines.ours, ...(await deletedOf(rows, ours.id))]) add(id, data, true);
  for (const [id, data] of [...lines.theirs, ...(await deletedOf(rows, theirs.id))]) add(id, data, false);
  notes.sort((left, right) => (left.at < right.at ? -1 : 1));
  return new Map(notes.map(({ base, oursId, theirsId }) => [oursId, { theirs: theirsId, base }]));
}

/** Deleted examples of a line whose last state a merge made, as they were before. */
async function deletedOf(rows: Rows, id: string): Promise<[string, JsonObject][]> {
  const found = await rows(
    `SELECT id, arg_max(data, seq) FILTER (op = 'put') AS data FROM examples_history
WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $1 AND source = 'merge')
GROUP BY id HAVING arg_max(op, {'t': time, 's': seq, 'i': seq_index}) = 'delete' ORDER BY id LIMIT ${DELETED_MAX}`,
    [id],
  );
  return found.map((row) => [textIn(row, "id"), JSON.parse(textIn(row, "data")) as JsonObject]);
}

const DELETED_MAX = 100_000;

function noteIn(
  data: JsonObject,
  otherId: string,
): { example: string; at: bigint; left: string | null; right: string | null } | undefined {
  const provenance = (data["provenance"] ?? {}) as JsonObject;
  const note = (provenance["merge"] ?? undefined) as JsonObject | undefined;
  const at = timeToUnixNano(note?.["at"]);
  if (note?.["dataset"] !== otherId || at === undefined) return undefined;
  const { example, ours, theirs } = note;
  const hash = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return typeof example === "string" ? { example, at, left: hash(ours), right: hash(theirs) } : undefined;
}
