import { Client } from "langsmith";
import type { RunningApi } from "../../api/running-api.js";

/** The real client of a running server; a refusal is an error at once. */
export function clientOf({ url }: Pick<RunningApi, "url">, apiKey = "any"): Client {
  return new Client({ apiUrl: url, apiKey, callerOptions: { maxRetries: 0 } });
}

/** Everything that a list of the client gives, page after page. */
export async function collect<T>(list: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of list) all.push(each);
  return all;
}
