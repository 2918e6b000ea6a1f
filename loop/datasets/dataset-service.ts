import { randomUUID } from "node:crypto";
import { CounterfoilError, type JsonObject, type JsonValue, timeToUnixNano } from "../../schema/index.js";
import type { ReaderRow, RecordDraft, RecordWriter, SqlParameter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { Bindings } from "../filter/filter-sql.js";
import { InTurn } from "../records/in-turn.js";
import { removeWhole } from "../records/remove-whole.js";
import { textIn } from "../records/text-in.js";
import { timeText, VersionClock } from "../records/version-clock.js";
import { type Bind, examplesAsOf, examplesSql, SPLITS, TIME_TEXT } from "./example-sql.js";
import { checkExampleSchemas } from "./example-schemas.js";
import type {
  Dataset,
  DatasetVersion,
  Example,
  ExampleChange,
  ExampleDraft,
  ExampleFile,
  ExampleFilter,
  VersionDiff,
} from "./types.js";

/** Tag of the newest version; it moves by itself. */
const LATEST = "latest";

/** What {@link DatasetService} works with. */
export interface DatasetPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  readonly now?: () => Date;
  /** In turn with whom its changes come; by default with each other. */
  readonly turns?: InTurn;
}

/**
 * Datasets and examples as records (invariant I5). Whatever changes examples makes one new version, named by its time;
 * older versions stay readable. Throws CF_NOT_FOUND for what is not there, CF_CONFLICT for a name or id that is taken, and
 * CF_RECORD_INVALID for data that breaks the rules of its type.
 */
export class DatasetService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #clock: VersionClock;
  readonly #turns: InTurn;

  constructor({ writer, rows, now, turns = new InTurn() }: DatasetPorts) {
    this.#turns = turns;
    this.#writer = writer;
    this.#rows = rows;
    this.#clock = new VersionClock(now);
  }

  /** Newest first. */
  async list(where: { readonly name?: string; readonly ids?: readonly string[] } = {}): Promise<Dataset[]> {
    const { bind, params } = binder();
    const conditions = [
      ...(where.name === undefined ? [] : [`d.name = ${bind(where.name)}`]),
      ...(where.ids === undefined
        ? []
        : [where.ids.length === 0 ? "false" : `d.id IN (${where.ids.map(bind).join(", ")})`]),
    ];
    const rows = await this.#rows(
      `SELECT d.id, d.data, ${TIME_TEXT("d.time")} AS modified_at,
  (SELECT count(*) FROM examples AS e WHERE e.dataset_id = d.id) AS examples,
  (SELECT count(*) FROM projects AS p WHERE p.reference_dataset_id = d.id) AS experiments
FROM datasets AS d ${conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`} ORDER BY d.created_at DESC, d.id`,
      params,
    );
    return rows.map((row) => ({
      id: textIn(row, "id"),
      data: dataOf(row),
      modifiedAt: textIn(row, "modified_at"),
      exampleCount: Number(row["examples"]),
      experimentCount: Number(row["experiments"]),
    }));
  }

  async get(id: string): Promise<Dataset> {
    const [found] = await this.list({ ids: [id] });
    if (found === undefined) throw missing(`Dataset ${id}`);
    return found;
  }

  /** The same without counting its examples, which looks at every one. */
  async #uncounted(id: string): Promise<Pick<Dataset, "id" | "data">> {
    const [row] = await this.#rows("SELECT id, data FROM datasets WHERE id = $1", [id]);
    if (row === undefined) throw missing(`Dataset ${id}`);
    return { id, data: dataOf(row) };
  }

  /** Creates a dataset, with its first examples in the same change: both are there, or neither. */
  create(
    data: JsonObject,
    id: string = randomUUID(),
    drafts: readonly ExampleDraft[] = [],
  ): Promise<Dataset> {
    return this.#turns.run(async () => {
      await this.#checkName(data["name"], id);
      if ((await this.list({ ids: [id] })).length > 0) throw taken(`A dataset with the id ${id}`);
      const time = this.#clock.next();
      const examples = await this.#newExamples({ id, data }, drafts, time);
      const whole = { ...data, created_at: data["created_at"] ?? time };
      await this.#writer.append([{ type: "dataset", id, op: "put", data: whole, time }, ...examples]);
      // Not read back: what waits for the mirror may fail, and who then creates again is told that the name is taken.
      const modifiedAt = timeText(time);
      return { id, data: whole, modifiedAt, exampleCount: examples.length, experimentCount: 0 };
    });
  }

  /** Changes the given fields. */
  update(id: string, change: JsonObject): Promise<Dataset> {
    return this.#turns.run(async () => {
      const { data } = await this.get(id);
      if (change["name"] !== undefined) await this.#checkName(change["name"], id);
      const time = this.#clock.next();
      await this.#writer.append([{ type: "dataset", id, op: "put", data: { ...data, ...change }, time }]);
      return this.get(id);
    });
  }

  /** Its examples go with it, as one version; above RECORD_CHANGES_MAX in several changes, the dataset in the last. */
  remove(id: string): Promise<void> {
    return this.#turns.run(async () => {
      await this.get(id);
      await removeWhole(
        { rows: this.#rows, writer: this.#writer },
        {
          whole: { type: "dataset", id },
          partType: "example",
          partIdsSql: "SELECT id FROM examples WHERE dataset_id = $1",
          params: [id],
          time: this.#clock.next(),
        },
      );
    });
  }

  async listExamples(filter: ExampleFilter): Promise<Example[]> {
    const bindings = new Bindings();
    const asOf = await this.#timeOf(filter.datasetId, filter.asOf);
    const { asOf: _given, ...rest } = filter;
    const sql = examplesSql({ ...rest, ...(asOf === undefined ? {} : { asOf }) }, bindings);
    const rows = await this.#rows(sql, bindings.params);
    return rows.map(exampleOf);
  }

  async getExample(id: string, asOf?: string): Promise<Example> {
    const more = asOf === undefined ? {} : { asOf };
    const [found] = await this.listExamples({ ids: [id], limit: 1, offset: 0, ...more });
    if (found === undefined) throw missing(`Example ${id}`);
    return found;
  }

  async countExamples(datasetId: string, asOf?: string): Promise<number> {
    const { bind, params } = binder();
    const sql = `SELECT count(*) AS n FROM (${examplesAsOf(await this.#timeOf(datasetId, asOf), bind)}) WHERE dataset_id = ${bind(datasetId)}`;
    return Number((await this.#rows(sql, params))[0]?.["n"] ?? 0);
  }

  /** Throws CF_RECORD_INVALID for an example that the dataset would not take. */
  async validate(datasetId: string, example: JsonObject): Promise<void> {
    checkExampleSchemas((await this.get(datasetId)).data, example);
  }

  /** Adds examples as one new version; gives their ids and the version. */
  addExamples(datasetId: string, drafts: readonly ExampleDraft[]): Promise<{ ids: string[]; asOf: string }> {
    return this.#turns.run(async () => {
      const dataset = await this.#uncounted(datasetId);
      const time = this.#clock.next();
      const records = await this.#newExamples(dataset, drafts, time);
      await this.#append(records);
      return { ids: records.map(({ id }) => id), asOf: time };
    });
  }

  /** Throws CF_RECORD_INVALID for what the dataset does not allow, and CF_CONFLICT for an id that is taken. */
  async #newExamples(
    dataset: Pick<Dataset, "id" | "data">,
    drafts: readonly ExampleDraft[],
    time: string,
  ): Promise<(RecordDraft & { readonly id: string })[]> {
    for (const { data } of drafts) checkExampleSchemas(dataset.data, data);
    const records = drafts.map(({ id = randomUUID(), data }) => ({
      type: "example",
      id,
      op: "put" as const,
      time,
      data: { ...data, dataset_id: dataset.id, created_at: data["created_at"] ?? time },
    }));
    // Those that were made here are nobody's.
    const given = drafts.flatMap(({ id }) => (id === undefined ? [] : [id]));
    const there = await this.#anyThere(given);
    if (there !== undefined || new Set(given).size < given.length)
      throw taken(`An example with the id ${there ?? "that was given twice"}`);
    return records;
  }

  /** One of these ids that an example has now. */
  async #anyThere(ids: readonly string[]): Promise<string | undefined> {
    if (ids.length === 0) return undefined;
    const { bind, params } = binder();
    const [row] = await this.#rows(`SELECT id FROM (${examplesAsOf(undefined, bind, ids)}) LIMIT 1`, params);
    return row === undefined ? undefined : textIn(row, "id");
  }

  /** Changes examples as one new version. All must be there. */
  updateExamples(changes: readonly ExampleChange[]): Promise<{ ids: string[]; asOf: string }> {
    return this.#turns.run(async () => {
      const ids = changes.map(({ id }) => id);
      const found = await this.listExamples({ ids, limit: ids.length + 1, offset: 0 });
      const byId = new Map(found.map((example) => [example.id, example]));
      const datasets = await this.list({ ids: [...new Set(found.map(({ datasetId }) => datasetId))] });
      const dataOfDataset = new Map(datasets.map(({ id, data }) => [id, data]));
      const time = this.#clock.next();
      const records = changes.map((change): RecordDraft => {
        const example = byId.get(change.id);
        if (example === undefined) throw missing(`Example ${change.id}`);
        const data = changedData(example.data, change);
        checkExampleSchemas(dataOfDataset.get(example.datasetId) ?? {}, data);
        return { type: "example", id: change.id, op: "put", data, time };
      });
      await this.#append(records);
      return { ids, asOf: time };
    });
  }

  /** Removes examples as one new version: older versions keep them. */
  removeExamples(ids: readonly string[]): Promise<void> {
    return this.#turns.run(async () => {
      const found = await this.listExamples({ ids, limit: ids.length + 1, offset: 0 });
      const gone = ids.find((id) => !found.some((example) => example.id === id));
      if (gone !== undefined) throw missing(`Example ${gone}`);
      const time = this.#clock.next();
      await this.#append(found.map(({ id }) => ({ type: "example", id, op: "delete", data: null, time })));
    });
  }

  /** Newest first. */
  async versions(datasetId: string): Promise<DatasetVersion[]> {
    await this.get(datasetId);
    const { bind, params } = binder();
    const rows = await this.#rows(
      `SELECT DISTINCT ${TIME_TEXT("time")} AS as_of FROM examples_history
WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = ${bind(datasetId)}) ORDER BY as_of DESC`,
      params,
    );
    const tags = await this.#tagsOf(datasetId);
    return rows.map((row, at) => {
      const asOf = textIn(row, "as_of");
      const named = [...tags].flatMap(([tag, time]) => (sameTime(time, asOf) ? [tag] : []));
      return { asOf, tags: at === 0 ? [LATEST, ...named] : named };
    });
  }

  /** The version that holds at a time, or that a tag names. */
  async version(datasetId: string, asOf: string): Promise<DatasetVersion> {
    const time = timeToUnixNano(await this.#timeOf(datasetId, asOf)) ?? undefined;
    const found = (await this.versions(datasetId)).find(
      (version) => time === undefined || (timeToUnixNano(version.asOf) ?? 0n) <= time,
    );
    if (found === undefined) throw missing(`Version ${asOf} of dataset ${datasetId}`);
    return found;
  }

  /** Moves a tag to the version that holds at a time, or that another tag names. */
  async tag(datasetId: string, tag: string, asOf: string): Promise<DatasetVersion> {
    if (tag === LATEST) throw new CounterfoilError("CF_USAGE", "The tag latest moves by itself.");
    const { asOf: time } = await this.version(datasetId, asOf);
    const data = { dataset_id: datasetId, tag, as_of: time };
    await this.#writer.append([{ type: "dataset_tag", id: `${datasetId}/${tag}`, op: "put", data }]);
    return this.version(datasetId, time);
  }

  async diff(datasetId: string, from: string, to: string): Promise<VersionDiff> {
    const { bind, params } = binder();
    const at = async (asOf: string): Promise<string> =>
      `(SELECT id, time FROM (${examplesAsOf(await this.#timeOf(datasetId, asOf), bind)}) WHERE dataset_id = ${bind(datasetId)})`;
    // Times alone are compared: what a million examples hold is not read for that.
    const rows = await this.#rows(
      `SELECT id, CASE WHEN b.time IS NULL THEN 'added' WHEN a.time IS NULL THEN 'removed' ELSE 'modified' END AS change
FROM ${await at(from)} AS b FULL JOIN ${await at(to)} AS a USING (id) WHERE b.time IS DISTINCT FROM a.time ORDER BY id`,
      params,
    );
    const of = (change: string): string[] =>
      rows.flatMap((row) => (row["change"] === change ? [textIn(row, "id")] : []));
    return { added: of("added"), removed: of("removed"), modified: of("modified") };
  }

  /** Names of the splits that examples are in. */
  async splits(datasetId: string, asOf?: string): Promise<string[]> {
    const { bind, params } = binder();
    const rows = await this.#rows(
      `SELECT DISTINCT unnest(${SPLITS}) AS split FROM (${examplesAsOf(await this.#timeOf(datasetId, asOf), bind)}) WHERE dataset_id = ${bind(datasetId)} ORDER BY split`,
      params,
    );
    return rows.map((row) => textIn(row, "split"));
  }

  /**
   * Runs a change of datasets in turn with all others: `work` gets the time of a version of its own, and what it gives
   * becomes durable together, records of other types among them.
   */
  change(work: (time: string) => Promise<readonly RecordDraft[]>): Promise<void> {
    return this.#turns.run(async () => this.#append(await work(this.#clock.next())));
  }

  async #append(records: readonly RecordDraft[]): Promise<void> {
    if (records.length > 0) await this.#writer.append(records);
  }

  async #checkName(name: JsonValue | undefined, id: string): Promise<void> {
    if (typeof name !== "string") return;
    const others = await this.list({ name });
    if (others.some((other) => other.id !== id)) throw taken(`A dataset named ${name}`);
  }

  /** A version's time: of a tag, or as it is. Undefined for the newest. */
  async #timeOf(datasetId: string | undefined, asOf: string | undefined): Promise<string | undefined> {
    if (asOf === undefined || asOf === LATEST) return undefined;
    if (timeToUnixNano(asOf) !== undefined) return asOf;
    const time = datasetId === undefined ? undefined : (await this.#tagsOf(datasetId)).get(asOf);
    if (time === undefined) throw missing(`Version ${asOf}`);
    return time;
  }

  async #tagsOf(datasetId: string): Promise<ReadonlyMap<string, string>> {
    const { bind, params } = binder();
    const sql = `SELECT tag, ${TIME_TEXT("as_of")} AS as_of FROM dataset_tags WHERE dataset_id = ${bind(datasetId)} ORDER BY tag`;
    return new Map((await this.#rows(sql, params)).map((row) => [textIn(row, "tag"), textIn(row, "as_of")]));
  }
}

function changedData(data: JsonObject, { data: change, files, added = [] }: ExampleChange): JsonObject {
  const list = (data["attachments"] ?? []) as unknown as readonly ExampleFile[];
  const kept = list.flatMap((file): ExampleFile[] => {
    if (files === undefined) return [file];
    const renamed = files.rename[file.name];
    if (renamed !== undefined) return [{ ...file, name: renamed }];
    return files.retain.includes(file.name) ? [file] : [];
  });
  const names = new Set(added.map(({ name }) => name));
  const attachments = [...kept.filter(({ name }) => !names.has(name)), ...added];
  const { attachments: _before, ...rest } = data;
  return {
    ...rest,
    ...change,
    ...(attachments.length === 0 ? {} : { attachments: attachments as unknown as JsonValue }),
  };
}

function binder(): { bind: Bind; params: SqlParameter[] } {
  const params: SqlParameter[] = [];
  return { params, bind: (value) => `$${params.push(value)}` };
}

function exampleOf(row: ReaderRow): Example {
  return {
    id: textIn(row, "id"),
    datasetId: textIn(row, "dataset_id"),
    data: dataOf(row),
    modifiedAt: textIn(row, "modified_at"),
  };
}

function dataOf(row: ReaderRow): JsonObject {
  return JSON.parse(textIn(row, "data")) as JsonObject;
}

function sameTime(left: string, right: string): boolean {
  return timeToUnixNano(left) === timeToUnixNano(right);
}

function missing(what: string): CounterfoilError {
  return new CounterfoilError("CF_NOT_FOUND", `${what} not found`);
}

function taken(what: string): CounterfoilError {
  return new CounterfoilError("CF_CONFLICT", `${what} already exists.`);
}
