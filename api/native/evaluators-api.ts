import type { Evaluator, EvaluatorService } from "../../loop/index.js";
import type { Api, ApiHost, JsonObject } from "../../schema/index.js";
import type { MirrorReads } from "../mirror-reads.js";
import type { SharedParts } from "../shared-parts.js";
import { decodedSegment, jsonBody, jsonObject, jsonReply } from "./json-call.js";
import { appliedDrafts, draftOf, saved } from "./named-drafts.js";

const PATH = /^\/api\/v1\/evaluators(?:\/([^/]+))?$/;

/** Evaluators over HTTP (`docs/rules.md`): `/api/v1/evaluators`, `/api/v1/evaluators/{id or name}`, and the verb `apply`. */
export function createEvaluatorsApi(
  _host: ApiHost,
  _reads: MirrorReads,
  { evaluators: service }: SharedParts,
): Api {
  return {
    find(method, path) {
      const found = PATH.exec(path);
      if (found === null) return undefined;
      const [, segment] = found;
      if (segment === undefined) {
        if (method === "GET") return async () => jsonReply(await list(service));
        if (method !== "POST") return undefined;
        return async (request) => jsonReply(await save(service, jsonObject(jsonBody(request))));
      }
      if (method === "POST" && segment === "apply") {
        return async (request) => {
          const { drafts, options } = appliedDrafts(request, "evaluators");
          return jsonReply(await service.apply(drafts, options));
        };
      }
      const name = (): string => decodedSegment(segment);
      if (method === "GET") return async () => jsonReply(evaluatorReply(await service.get(name())));
      if (method === "PUT") {
        return async (request) => {
          const { id } = await service.get(name());
          return jsonReply(await save(service, jsonObject(jsonBody(request)), id));
        };
      }
      if (method !== "DELETE") return undefined;
      return async () => jsonReply({ id: (await service.remove(name())).id, deleted: true });
    },
    close: async () => undefined,
  };
}

async function list(service: EvaluatorService): Promise<JsonObject[]> {
  const [all, counts] = await Promise.all([service.list(), service.runCounts()]);
  return all.map((each) => ({ ...evaluatorReply(each), runs: counts.get(each.id) ?? 0 }));
}

function evaluatorReply({ id, data }: Evaluator): JsonObject {
  return { id, ...data };
}

async function save(service: EvaluatorService, body: JsonObject, id?: string): Promise<JsonObject> {
  return evaluatorReply(await saved(service, { type: "evaluator", draft: draftOf(body), id }));
}
