import type { ApiReply, ApiRequest } from "../../schema/index.js";

/** One call of a route. */
export interface Call {
  readonly request: ApiRequest;
  /** The named segments of the path. */
  readonly params: Readonly<Record<string, string>>;
}

/** Answers a call; throws a RefusedCall for what the client did wrong. */
export type Handler = (call: Call) => Promise<ApiReply>;
