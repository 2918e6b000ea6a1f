import {
  isRunId,
  objectOf,
  type RunFields,
  type RunJson,
  type RunRecord,
  type RunValue,
  writeRunJson,
} from "../../../schema/index.js";
import { PAGE_MAX } from "../paging.js";
import { badField, notFound } from "../replies.js";
import { readFile, readPage, type RunSources } from "../runs/run-pages.js";
import { readRunQuery } from "../runs/run-query.js";

/**
 * Bodies of new examples with what they want of their source runs: inputs and outputs (`use_source_run_io`), and files by
 * name (`use_source_run_attachments`). Throws 422, and 404 for a run or file that is not here.
 */
export async function withSourceRuns(
  sources: RunSources,
  bodies: readonly RunRecord[],
): Promise<RunRecord[]> {
  const wanted = bodies.flatMap((body) => (body["use_source_run_io"] === true ? [sourceOf(body)] : []));
  const runs = await runsById(sources, [...new Set(wanted)]);
  const whole: RunRecord[] = [];
  for (const { use_source_run_io: io, use_source_run_attachments: names, ...rest } of bodies) {
    const run = io === true ? runs.get(sourceOf(rest)) : undefined;
    if (io === true && run === undefined) throw notFound(`Run ${sourceOf(rest)}`);
    const files = await filesOf(sources, rest, names ?? []);
    const own = Array.isArray(rest["attachments"]) ? rest["attachments"] : [];
    whole.push({
      ...rest,
      ...(run === undefined ? {} : { inputs: plain(run["inputs"]) ?? {}, outputs: plain(run["outputs"]) }),
      ...(files.length === 0 ? {} : { attachments: [...own, ...files] }),
    });
  }
  return whole;
}

function sourceOf({ source_run_id: id }: RunRecord): string {
  if (!isRunId(id)) throw badField(["body", "source_run_id"], "must be the id of the run to take from");
  return id.toLowerCase();
}

async function runsById(
  sources: RunSources,
  ids: readonly string[],
): Promise<ReadonlyMap<string, RunFields>> {
  const found = new Map<string, RunFields>();
  for (let at = 0; at < ids.length; at += PAGE_MAX) {
    const query = await readRunQuery({ id: ids.slice(at, at + PAGE_MAX) }, sources.projects);
    for (const run of (await readPage(sources, query)).runs) {
      if (typeof run["id"] === "string") found.set(run["id"], run);
    }
  }
  return found;
}

async function filesOf(sources: RunSources, body: RunRecord, names: RunJson): Promise<RunRecord[]> {
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
    throw badField(["body", "use_source_run_attachments"], "must be a list of names");
  }
  const files: RunRecord[] = [];
  for (const name of names) {
    const id = sourceOf(body);
    const file = await readFile(sources, id, name);
    if (file === undefined) throw notFound(`Attachment ${name} of run ${id}`);
    files.push({ name, mime_type: file.mimeType, content: Buffer.from(file.content).toString("base64") });
  }
  return files;
}

/** Inputs and outputs of an example are objects; anything else stands under `output`, as rules have it. */
function plain(value: RunValue | undefined): RunJson {
  if (value === undefined || value === null) return null;
  const json = JSON.parse(writeRunJson(value)) as RunJson;
  return objectOf(json) === undefined ? { output: json } : json;
}
