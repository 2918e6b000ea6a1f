import { type Api, type ApiHost, type CreateApi, FEEDBACK_CONFIGS } from "../schema/index.js";
import { createLangSmithApi } from "./langsmith/langsmith-api.js";
import { FeedbackConfigCache } from "../loop/index.js";
import { createMirrorReads, type MirrorReads } from "./mirror-reads.js";
import { createImportApi } from "./native/import-api.js";
import { createFeedbackApi } from "./native/feedback-api.js";
import { createPricesApi } from "./native/prices-api.js";
import type { SharedParts } from "./shared-parts.js";
import { watchRecords } from "./watch-records.js";

/** Every HTTP API beside OTLP, in the order in which they are asked for a path. */
const APIS: readonly ((host: ApiHost, reads: MirrorReads, shared: SharedParts) => Api)[] = [
  createFeedbackApi,
  createPricesApi,
  createImportApi,
  createLangSmithApi,
];

/** Builds the APIs that a collector serves on its HTTP port. `cli/` hands it to the collector, which knows only the port. */
export const createApi: CreateApi = (host): Api => {
  // One process reads for all of them.
  const reads = createMirrorReads(host);
  const configs = new FeedbackConfigCache((sql, params) => reads.rows(sql, params));
  const watched = watchRecords(host, FEEDBACK_CONFIGS.type, () => configs.forget());
  const apis = APIS.map((create) => create(watched, reads, { configs }));
  return {
    find(method, path) {
      for (const api of apis) {
        const handler = api.find(method, path);
        if (handler !== undefined) return handler;
      }
      return undefined;
    },
    isPublic: (method, path) => apis.some((api) => api.isPublic?.(method, path) === true),
    async close() {
      await Promise.all(apis.map((api) => api.close()));
      await reads.close();
    },
  };
};
