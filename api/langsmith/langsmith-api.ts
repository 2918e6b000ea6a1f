import {
  ComparativeService,
  createFeedbackService,
  FeedbackConfigService,
  FeedbackTokenService,
  OnlineEvaluatorService,
  PromptService,
  ShareService,
} from "../../loop/index.js";
import type { Api, ApiHost } from "../../schema/index.js";
import { createRecordWriter, type SqlParameter } from "../../store/index.js";
import type { Handler } from "./call.js";
import type { SharedParts } from "../shared-parts.js";
import type { MirrorReads } from "../mirror-reads.js";
import { comparativeHandlers } from "./experiments/comparative-routes.js";
import { evaluatorHandlers } from "./evaluators/evaluator-routes.js";
import { experimentHandlers } from "./experiments/experiment-routes.js";
import { experimentUploadHandlers } from "./experiments/upload-routes.js";
import { feedbackConfigHandlers } from "./feedback/feedback-config-routes.js";
import { feedbackTokenHandlers } from "./feedback/feedback-token-routes.js";
import { createRunArchive } from "./runs/run-archive.js";
import { createRunStore, runIngestHandlers } from "./runs/run-ingest.js";
import { runReadHandlers } from "./runs/run-reads.js";
import { shareHandlers } from "./shares/share-routes.js";
import { threadHandlers } from "./threads/thread-routes.js";
import { traceHandlers } from "./traces/trace-routes.js";
import { projectHandlers } from "./projects/project-routes.js";
import { queueExportHandlers } from "./queues/queue-export-routes.js";
import { queueItemHandlers } from "./queues/queue-item-routes.js";
import { queueHandlers } from "./queues/queue-routes.js";
import { queueRunHandlers } from "./queues/queue-run-routes.js";
import { ruleHandlers } from "./rules/rule-routes.js";
import { directoryHandlers } from "./prompts/directory-routes.js";
import { promptHandlers } from "./prompts/prompt-routes.js";
import { RunStates } from "./runs/run-states.js";
import { Router } from "../http/router.js";
import { datasetHandlers } from "./datasets/dataset-routes.js";
import { datasetFileHandlers } from "./datasets/dataset-file-routes.js";
import { datasetShareHandlers } from "./datasets/dataset-share-routes.js";
import { exampleHandlers } from "./datasets/example-routes.js";
import { exampleSearchHandlers } from "./datasets/example-search-routes.js";
import { readInfo } from "./info.js";
import { json, refusal, RefusedCall } from "./replies.js";
import { LANGSMITH_ROUTES, type RouteSpec } from "./routes.js";
import { priceMapHandlers } from "./workspace/price-map-routes.js";
import { workspaceHandlers } from "./workspace/workspace-routes.js";

/**
 * LangSmith's REST API. Its clients put `/api/v1` before a path or not, depending on their endpoint, and compute the
 * address of "platform" and version 2 routes from it; all of these forms are one route here.
 */
export function createLangSmithApi(host: ApiHost, reads: MirrorReads, shared: SharedParts): Api {
  const router = new Router(LANGSMITH_ROUTES);
  const handlers = createHandlers(host, reads, shared);
  return {
    isPublic(method, path) {
      const route = router.find(method, canonicalPath(path))?.route;
      return (
        route !== undefined &&
        (route.path === "/feedback/tokens/{token}" || /^(?:\/v2)?\/public\//.test(route.path))
      );
    },
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
    close: async () => undefined,
  };
}

function createHandlers(
  host: ApiHost,
  reads: MirrorReads,
  { configs, datasets, queues, ...shared }: SharedParts,
): Readonly<Record<string, Handler>> {
  const writer = createRecordWriter(host, { source: "langsmith" });
  const ports = { writer, rows: (sql: string, params: readonly SqlParameter[]) => reads.rows(sql, params) };
  const { names } = shared.projects;
  const sources = { reads, projects: names, shares: new ShareService(ports) };
  const feedback = createFeedbackService({ ...ports, configs });
  const projects = { reads, ...shared.projects };
  const prompts = new PromptService(ports);
  const store = createRunStore({ host, states: new RunStates(createRunArchive(reads)), names });
  const feedbackConfigs = new FeedbackConfigService({ ...ports, cache: configs });
  const queueParts = { queues, configs: feedbackConfigs, sources };
  const { ruleBook: book, rules: engine } = shared;
  return {
    info: readInfo,
    ...workspaceHandlers(),
    ...priceMapHandlers(ports),
    ...runReadHandlers(sources),
    ...threadHandlers(sources),
    ...traceHandlers(sources),
    ...shareHandlers(sources),
    ...runIngestHandlers({ store, feedback }),
    ...projectHandlers(projects),
    ...feedbackConfigHandlers(feedbackConfigs),
    ...feedbackTokenHandlers(new FeedbackTokenService({ ...ports, feedback })),
    ...comparativeHandlers(new ComparativeService(ports)),
    ...experimentHandlers({ datasets, sources, configs, rows: ports.rows }),
    ...promptHandlers(prompts),
    ...directoryHandlers(prompts),
    ...queueHandlers(queueParts),
    ...queueRunHandlers(queueParts),
    ...queueItemHandlers(queueParts),
    ...queueExportHandlers(queueParts),
    ...evaluatorHandlers(new OnlineEvaluatorService(ports)),
    ...ruleHandlers({ host, reads, projects: names, book, engine, datasets, queues }),
    ...datasetFileHandlers(datasets),
    ...datasetShareHandlers({ datasets, shares: sources.shares }),
    ...datasetHandlers(datasets),
    ...exampleHandlers(datasets, sources),
    ...exampleSearchHandlers(datasets),
    ...experimentUploadHandlers({ datasets, projects, feedback, store }),
  };
}

/** `/api/v1/runs`, `/runs` -> `/runs`; `/api/v1/platform/x`, `/v1/platform/x` -> `/platform/x`; `/api/v2/x` -> `/v2/x`. */
export function canonicalPath(path: string): string {
  return path.replace(/^\/api(?=\/v[12]\/)/, "").replace(/^\/v1(?=\/)/, "");
}

/** Never a 200 that forgets: what is known but not done says so. */
function notDone({ method, path, about }: RouteSpec): Handler {
  const detail = `Counterfoil does not have ${method} ${path} (${about}) yet; see docs/coming-from-langsmith.md`;
  return async () => json(501, { detail });
}
