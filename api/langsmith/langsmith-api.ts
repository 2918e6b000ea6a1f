import type { Api, ApiHost, CreateApi } from "../../schema/index.js";
import type { Handler } from "./call.js";
import { createMirrorReads } from "../mirror-reads.js";
import { createRunArchive } from "./runs/run-archive.js";
import { runIngestHandlers } from "./runs/run-ingest.js";
import { runReadHandlers } from "./runs/run-reads.js";
import { projectHandlers } from "./projects/project-reads.js";
import { ProjectNames } from "./projects/project-names.js";
import { RunStates } from "./runs/run-states.js";
import { Router } from "../http/router.js";
import { readInfo } from "./info.js";
import { json, refusal, RefusedCall } from "./replies.js";
import { LANGSMITH_ROUTES, type RouteSpec } from "./routes.js";

/**
 * LangSmith's REST API. Its clients put `/api/v1` before a path or not, depending on their endpoint, and compute the
 * address of "platform" and version 2 routes from it; all of these forms are one route here.
 */
export const createLangSmithApi: CreateApi = (host: ApiHost): Api => {
  const router = new Router(LANGSMITH_ROUTES);
  const reads = createMirrorReads(host);
  const projects = new ProjectNames(reads);
  const handlers: Readonly<Record<string, Handler>> = {
    info: readInfo,
    ...runReadHandlers(reads, projects),
    ...projectHandlers(reads),
    ...runIngestHandlers(host, new RunStates(createRunArchive(reads))),
  };
  return {
    find(method, path) {
      const match = router.find(method, canonicalPath(path));
      if (match === undefined) return undefined;
      const { route, params } = match;
      const handle = handlers[route.handler ?? ""] ?? notDone(route);
      return async (request) => {
        try {
          return await handle({ request, params });
        } catch (error) {
          if (error instanceof RefusedCall) return refusal(error);
          throw error;
        }
      };
    },
    close: () => reads.close(),
  };
};

/** `/api/v1/runs`, `/runs` -> `/runs`; `/api/v1/platform/x`, `/v1/platform/x` -> `/platform/x`; `/api/v2/x` -> `/v2/x`. */
export function canonicalPath(path: string): string {
  return path.replace(/^\/api(?=\/v[12]\/)/, "").replace(/^\/v1(?=\/)/, "");
}

/** Never a 200 that forgets: what is known but not done says so. */
function notDone({ method, path, about }: RouteSpec): Handler {
  const detail = `Counterfoil does not have ${method} ${path} (${about}) yet; see docs/coming-from-langsmith.md`;
  return async () => json(501, { detail });
}
