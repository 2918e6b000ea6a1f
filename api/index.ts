import type { Api, ApiHost, CreateApi } from "../schema/index.js";
import { createLangSmithApi } from "./langsmith/langsmith-api.js";
import { createMirrorReads, type MirrorReads } from "./mirror-reads.js";
import { createFeedbackApi } from "./native/feedback-api.js";
import { createPricesApi } from "./native/prices-api.js";

/** Every HTTP API beside OTLP, in the order in which they are asked for a path. */
const APIS: readonly ((host: ApiHost, reads: MirrorReads) => Api)[] = [
  createFeedbackApi,
  createPricesApi,
  createLangSmithApi,
];

/** Builds the APIs that a collector serves on its HTTP port. `cli/` hands it to the collector, which knows only the port. */
export const createApi: CreateApi = (host): Api => {
  // One process reads for all of them.
  const reads = createMirrorReads(host);
  const apis = APIS.map((create) => create(host, reads));
  return {
    find(method, path) {
      for (const api of apis) {
        const handler = api.find(method, path);
        if (handler !== undefined) return handler;
      }
      return undefined;
    },
    async close() {
      await Promise.all(apis.map((api) => api.close()));
      await reads.close();
    },
  };
};
