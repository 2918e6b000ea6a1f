import {
  datasetDiff,
  datasetLog,
  exampleRevisions,
  findDataset,
  type MergePlan,
  planDecidedMerge,
  storeVersion,
} from "../../loop/index.js";
import {
  type Api,
  type ApiHandler,
  type ApiHost,
  type ApiReply,
  type ApiRequest,
  CounterfoilError,
  DATASET_LOG_PAGE_MAX,
  type JsonObject,
} from "../../schema/index.js";
import type { ImportEntry } from "../../store/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import type { SharedParts } from "../shared-parts.js";
import { decodedSegment, jsonBody, jsonObject, jsonReply, wholeNumberIn } from "./json-call.js";

const PATH = /^\/api\/v1\/(datasets|examples)\/([^/]+)\/(log|diff|merge|blame)$/;
const LOG_PAGE_DEFAULT = 20;
const MERGE_FIELDS: readonly string[] = [
  "from",
  "as_of",
  "ours",
  "theirs",
  "unrelated",
  "dry_run",
  "version",
];

/**
 * Versions of datasets by content, beside LangSmith's routes at the same place: `GET /api/v1/datasets/{name or id}/log` and
 * `/diff`, `POST .../merge`, and `GET /api/v1/examples/{id}/blame` (`docs/golden-examples.md`).
 */
export function createDatasetsApi(host: ApiHost, reads: MirrorReads, { datasets }: SharedParts): Api {
  const rows = (sql: string, params: Parameters<MirrorReads["rows"]>[1]) => reads.rows(sql, params);
  const door = {
    append: async (entries: readonly ImportEntry[]) => {
      for (const { signal, payload, itemCount } of entries)
        await host.append({ signal, payload, itemCount, receiver: "api" });
    },
    // Whoever reads next waits for the mirror.
    settle: async () => undefined,
  };
  const handlers: Readonly<Record<string, (name: string) => ApiHandler>> = {
    "GET datasets log":
      (name) =>
      async ({ query }) => {
        const limit = wholeNumberIn(query, "limit", { least: 1, most: DATASET_LOG_PAGE_MAX });
        const { id } = await findDataset(rows, decodedSegment(name));
        return jsonReply(await datasetLog(rows, id, limit ?? LOG_PAGE_DEFAULT));
      },
    "GET datasets diff":
      (name) =>
      async ({ query }) => {
        const from = query.get("from");
        if (from === null) throw new CounterfoilError("CF_USAGE", "from must name a version.");
        const { id } = await findDataset(rows, decodedSegment(name));
        return jsonReply(await datasetDiff(rows, id, { from, to: query.get("to") ?? "latest" }));
      },
    "GET examples blame": (name) => async () => jsonReply(await exampleRevisions(rows, decodedSegment(name))),
    "POST datasets merge": (name) => async (request) => {
      const { dryRun, version, ...wanted } = mergeIn(request);
      let plan: MergePlan | undefined;
      // In turn with all other changes of datasets: nothing may come between what it compares and what it writes.
      await datasets.change(async (time) => {
        const dataset = decodedSegment(name);
        plan = await planDecidedMerge({ rows, dataset, ...wanted, now: () => new Date(time) });
        if (dryRun || plan.conflicts.length > 0) return [];
        if (version !== undefined && version !== plan.version) {
          const text = `The merge would make version ${plan.version} now, not ${version}: the datasets have changed. Nothing was stored.`;
          throw new CounterfoilError("CF_CONFLICT", text);
        }
        // One journal record whatever their number: all of it is one version, or nothing is there.
        await storeVersion(door, plan.changes);
        return [];
      });
      return mergeReply(plan, dryRun);
    },
  };
  return {
    find(method, path) {
      const [, kind = "", name = "", verb = ""] = PATH.exec(path) ?? [];
      return handlers[`${method} ${kind} ${verb}`]?.(name);
    },
    close: async () => undefined,
  };
}

/** Conflicts are 409, with all of them in the answer: who asked decides them, and asks again. */
function mergeReply(plan: MergePlan | undefined, dryRun: boolean): ApiReply {
  if (plan === undefined) throw new Error("a merge without a plan");
  const { changes, ...report } = plan;
  const isOpen = plan.conflicts.length > 0;
  if (!isOpen || dryRun) return jsonReply({ stored: !isOpen && !dryRun && changes.length > 0, ...report });
  const message = `${plan.conflicts.length} examples were changed in both. Nothing was stored. Decide each in ours or theirs.`;
  const body = { detail: message, error: { code: "CF_CONFLICT", message }, stored: false, ...report };
  return { ...jsonReply(body), status: 409 };
}

function mergeIn(request: ApiRequest) {
  const body = jsonObject(jsonBody(request));
  const unknown = Object.keys(body).find((name) => !MERGE_FIELDS.includes(name));
  if (unknown !== undefined) {
    throw invalid(`There is no ${JSON.stringify(unknown)}: known are ${MERGE_FIELDS.join(", ")}.`);
  }
  const { as_of: asOf, from, version } = body;
  if (typeof from !== "string" || from === "") throw invalid("from must be the name or id of a dataset.");
  if (asOf !== undefined && typeof asOf !== "string") throw invalid("as_of must be a version.");
  if (version !== undefined && typeof version !== "string")
    throw invalid("version must be a version's hash.");
  return {
    from,
    asOf,
    ours: idsIn(body, "ours"),
    theirs: idsIn(body, "theirs"),
    unrelated: flagIn(body, "unrelated"),
    dryRun: flagIn(body, "dry_run"),
    version,
  };
}

function idsIn(body: JsonObject, name: string): readonly string[] {
  const value = body[name] ?? [];
  if (value === "all") return ["all"];
  if (Array.isArray(value) && value.every((id) => typeof id === "string")) return value;
  throw invalid(`${name} must be "all" or a list of ids of examples.`);
}

function flagIn(body: JsonObject, name: string): boolean {
  const value = body[name] ?? false;
  if (typeof value === "boolean") return value;
  throw invalid(`${name} must be true or false.`);
}

function invalid(message: string): CounterfoilError {
  return new CounterfoilError("CF_REQUEST_INVALID", message);
}
