import type { Api, CreateApi } from "../schema/index.js";
import { createLangSmithApi } from "./langsmith/langsmith-api.js";
import { createFeedbackApi } from "./native/feedback-api.js";

/** Every HTTP API beside OTLP, in the order in which they are asked for a path. */
const APIS: readonly CreateApi[] = [createFeedbackApi, createLangSmithApi];

/** Builds the APIs that a collector serves on its HTTP port. `cli/` hands it to the collector, which knows only the port. */
export const createApi: CreateApi = (host): Api => {
  const apis = APIS.map((create) => create(host));
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
    },
  };
};
