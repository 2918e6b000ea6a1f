import {
  type ChangeRecord,
  errorMessage,
  IMPORT_IDS_MAX,
  type JsonObject,
  type JsonValue,
  timeToUnixNano,
} from "../../../schema/index.js";
import {
  fieldsOf,
  type ImportRun,
  listed,
  objectsIn,
  putAll,
  rowsById,
  storeRecords,
  textAt,
} from "./import-run.js";
import { importComparisons } from "./others.js";
import { objectIn } from "./run-shape.js";
import { SourceError } from "./source.js";

const VERSIONS = "dataset versions";
const EXAMPLES = "example changes";
/** What the source works out from examples and experiments. */
const DERIVED_OF_DATASET = new Set([
  "id",
  "tenant_id",
  "modified_at",
  "example_count",
  "session_count",
  "last_session_start_time",
]);
const DERIVED_OF_EXAMPLE = new Set(["id", "modified_at", "attachment_urls"]);
/** The tag that moves by itself. */
const LATEST = "latest";

interface Version {
  readonly asOf: string;
  readonly tags: readonly string[];
}

/** Imports datasets with every version of their examples, tags and splits: all, or those of the ids. */
export async function importDatasets(run: ImportRun, only: ReadonlySet<string> | undefined): Promise<void> {
  const datasets: JsonObject[] = [];
  for await (const page of listed(run.source, "/api/v1/datasets")) {
    datasets.push(...page.filter((item) => only === undefined || only.has(textAt(item, "id") ?? "")));
  }
  for (const [at, dataset] of datasets.entries()) {
    const id = textAt(dataset, "id");
    if (id === undefined) continue;
    const time = textAt(dataset, "modified_at") ?? run.now().toISOString();
    const data = fieldsOf(dataset, DERIVED_OF_DATASET);
    await storeRecords(run, "datasets", [{ type: "dataset", id, op: "put", time, source: "import", data }]);
    await run.tally.attempt(VERSIONS, () => importVersions(run, id));
    await run.tally.attempt("comparative experiments", () => importComparisons(run, id));
    run.onProgress("datasets", at + 1, datasets.length);
  }
}

async function importVersions(run: ImportRun, id: string): Promise<void> {
  const { file, tally } = run;
  const versions = await versionsOf(run, id);
  tally.found(VERSIONS, versions.length);
  const done = file.state.datasets[id];
  const known = await changesHere(run, id);
  let before = done;
  for (const { asOf } of versions) {
    if (done !== undefined && nanosOf(asOf) <= nanosOf(done)) {
      tally.unchanged(VERSIONS);
      continue;
    }
    const changes = await changesOf(run, id, { asOf, before });
    const missing = changes.filter((change) => !known.has(`${change.id} ${nanosOf(change.time)}`));
    tally.found(EXAMPLES, changes.length);
    tally.unchanged(EXAMPLES, changes.length - missing.length);
    await putAll(run, EXAMPLES, missing);
    if (missing.length === 0) tally.unchanged(VERSIONS);
    else tally.stored(VERSIONS);
    before = asOf;
    file.state.datasets[id] = asOf;
    file.save();
  }
  await importTags(run, id, versions);
}

/** Oldest first. */
async function versionsOf(run: ImportRun, id: string): Promise<Version[]> {
  const versions: Version[] = [];
  for await (const page of listed(run.source, `/api/v1/datasets/${id}/versions`)) {
    for (const item of page) {
      const asOf = textAt(item, "as_of");
      const tags = Array.isArray(item["tags"]) ? item["tags"].filter((tag) => typeof tag === "string") : [];
      if (asOf !== undefined && timeToUnixNano(asOf) !== undefined) versions.push({ asOf, tags });
    }
  }
  return versions.sort((left, right) => (nanosOf(left.asOf) < nanosOf(right.asOf) ? -1 : 1));
}

/** What a version changed; the first one that is read has all of its examples. */
async function changesOf(
  run: ImportRun,
  id: string,
  { asOf, before }: { readonly asOf: string; readonly before: string | undefined },
): Promise<ChangeRecord[]> {
  const changes: ChangeRecord[] = [];
  const add = async (query: Readonly<Record<string, string>>, ids?: readonly string[]): Promise<void> => {
    for await (const page of examplesOf(run, { dataset: id, as_of: asOf, ...query }, ids)) {
      for (const item of page) changes.push(await exampleChange(run, item, asOf));
    }
  };
  if (before === undefined) {
    await add({});
    return changes;
  }
  const query = { from_version: before, to_version: asOf };
  const diff = objectIn(await run.source.get(`/api/v1/datasets/${id}/versions/diff`, query)) ?? {};
  const touched = [...textsIn(diff["examples_added"]), ...textsIn(diff["examples_modified"])];
  for (let at = 0; at < touched.length; at += IMPORT_IDS_MAX) {
    await add({}, touched.slice(at, at + IMPORT_IDS_MAX));
  }
  for (const gone of textsIn(diff["examples_removed"])) {
    changes.push({ type: "example", id: gone, op: "delete", time: asOf, source: "import", data: null });
  }
  return changes;
}

async function* examplesOf(
  run: ImportRun,
  query: Readonly<Record<string, string>>,
  ids: readonly string[] | undefined,
): AsyncGenerator<JsonObject[]> {
  if (ids === undefined) {
    yield* listed(run.source, "/api/v1/examples", query);
    return;
  }
  const answer = await run.source.get("/api/v1/examples", { ...query, id: ids, limit: IMPORT_IDS_MAX });
  yield objectsIn(answer);
}

async function exampleChange(run: ImportRun, item: JsonObject, asOf: string): Promise<ChangeRecord> {
  const id = textAt(item, "id") ?? "";
  const attachments = await attachmentsOf(run, id, objectIn(item["attachment_urls"]) ?? {});
  const data = {
    ...fieldsOf(item, DERIVED_OF_EXAMPLE),
    ...(attachments.length === 0 ? {} : { attachments }),
  };
  return { type: "example", id, op: "put", time: asOf, source: "import", data };
}

async function attachmentsOf(run: ImportRun, id: string, urls: JsonObject): Promise<JsonValue[]> {
  const files: JsonValue[] = [];
  for (const [key, value] of Object.entries(urls)) {
    const at = objectIn(value);
    const address = textAt(at, "presigned_url");
    if (address === undefined) continue;
    const name = key.replace(/^attachment\./, "");
    try {
      const { content, mimeType } = await run.source.download(address);
      const type = textAt(at, "mime_type") ?? mimeType;
      files.push({ name, mime_type: type, content: Buffer.from(content).toString("base64") });
    } catch (error) {
      // An outage ends the import here, to go on later; what is gone for good is left out.
      if (!(error instanceof SourceError) || error.retryable) throw error;
      run.tally.skipped(EXAMPLES, `${id} ${name}`, errorMessage(error));
    }
  }
  return files;
}

/** Which changes of the examples of a dataset are in the history, as `<id> <nanoseconds>`. */
async function changesHere(run: ImportRun, dataset: string): Promise<ReadonlySet<string>> {
  const changes = new Set<string>();
  const sql = `SELECT id FROM (SELECT DISTINCT id || ' ' || epoch_ns(time)::VARCHAR AS id FROM examples_history
WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $2)) WHERE id > $1`;
  for await (const rows of rowsById(run.door, sql, [dataset])) {
    for (const { id } of rows) if (typeof id === "string") changes.add(id);
  }
  return changes;
}

async function importTags(run: ImportRun, id: string, versions: readonly Version[]): Promise<void> {
  const changes = versions.flatMap(({ asOf, tags }) =>
    tags
      .filter((tag) => tag !== LATEST)
      .map((tag): ChangeRecord => ({
        type: "dataset_tag",
        id: `${id}/${tag}`,
        op: "put",
        // A tag has no time of its own: that of its move is when it was seen.
        time: run.now().toISOString(),
        source: "import",
        data: { dataset_id: id, tag, as_of: asOf },
      })),
  );
  await storeRecords(run, "dataset tags", changes);
}

function nanosOf(time: string): bigint {
  return timeToUnixNano(time) ?? 0n;
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}
