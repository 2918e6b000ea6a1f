import type { LoadRequest } from "./requests.js";

/** One connection of the load generator, which sends one request at a time. */
export interface LoadClient {
  /** Resolves with whether the answer was a success. Rejects when the connection breaks. */
  send(request: LoadRequest): Promise<boolean>;
  close(): void;
}
