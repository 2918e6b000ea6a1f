import { AsyncLocalStorage } from "node:async_hooks";
import { Client } from "langsmith";
import { expect, test } from "vitest";
import { Router } from "../../../api/http/router.js";
import { canonicalPath } from "../../../api/langsmith/langsmith-api.js";
import { LANGSMITH_ROUTES } from "../../../api/langsmith/routes.js";

const ID = "11111111-2222-4333-8444-555555555555";
const TIME = "2026-11-20T10:00:00Z";
/** Something of everything: whatever a method looks for in an answer or takes as an argument is in it. */
const THING = {
  id: ID,
  name: ID,
  tenant_id: ID,
  dataset_id: ID,
  session_id: ID,
  trace_id: ID,
  dotted_order: `20261120T100000000000Z${ID}`,
  run_type: "chain",
  start_time: TIME,
  as_of: TIME,
  inputs: {},
  outputs: {},
  metadata: {},
  manifest: {},
  commit_hash: "abcdef1",
  repo_handle: ID,
  run_ids: [ID],
  commits: [],
};
const NAMED = { owner: "-", repo: ID, dataset_id: ID, queue_id: ID, evaluator_id: ID, project_id: ID };
const FILES = { a: { type: "file", content: "x" } };
/** Gives an id for any option that a method looks for. */
const anyOption = new Proxy(
  {},
  { get: (_target, name) => (typeof name === "symbol" || name === "then" ? undefined : ID) },
);
const ARGUMENTS: readonly (readonly unknown[])[] = [
  [ID, ID, ID],
  [anyOption, anyOption],
  [ID, anyOption, anyOption],
  [[ID], [ID]],
  [ID, [ID]],
  [ID, ID, anyOption],
  [THING, THING],
  [[THING], [THING]],
  [{ ...THING, datasetId: ID, projectName: ID, inputs: [{}], exampleIds: [ID] }],
  [
    {
      datasetId: ID,
      asOf: "latest",
      tag: "t",
      fromVersion: TIME,
      toVersion: TIME,
      splitName: "s",
      exampleIds: [ID],
    },
  ],
  [ID, { ...NAMED, ...THING, files: FILES, object: {}, projectId: ID, thread_id: ID }],
];
const LISTS = { runs: [THING], items: [THING], repos: [THING], repo: THING, commit: THING, result: THING };
const EMPTY = { runs: [], items: [], repos: [], commit: THING, repo: THING };
const ANSWERS: readonly unknown[] = [{ ...THING, ...LISTS }, [THING], { ...THING, ...EMPTY }];
/** No request, or one that only what they were made for brings about: other tests of this folder call these. */
const SILENT = new Set(
  `fetchImplementation getProfileManagedAuthorizationHeader isProfileManagedAuthorizationHeader hasExplicitAuthHeader
  applyCurrentAuthHeaders getHostUrl processInputs processOutputs processMetadata processError prepareRunCreateOrUpdateInputs
  drainAutoBatchQueue processRunOperation flush batchIngestRuns multipartIngestRuns getRunUrl getRunStats uploadCsv createExample
  createExamples createLLMExample createChatExample updateExamples readDatasetVersion createComparativeExperiment
  updateExamplesMultipart uploadExamplesMultipart clonePublicDataset parseTokenOrUrl cleanup awaitPendingTraceBatches toString
  public.runs.retrieve`.split(/\s+/),
);
/** They take an answer that does not suit them for a failure, and wait before they ask again. */
const TRYING_AGAIN = new Set(
  `readAnnotationQueue updateAnnotationQueue deleteAnnotationQueue deleteRunFromAnnotationQueue getSizeFromAnnotationQueue
  clonePublicDataset`.split(/\s+/),
);

interface Method {
  readonly name: string;
  readonly call: (args: readonly unknown[]) => unknown;
}

/** The public methods of a client, and of the parts that were generated. */
function methodsOf(part: object, prefix = "", depth = 0): Method[] {
  const names = new Set<string>();
  for (let at: object = part; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  return [...names].flatMap((name): Method[] => {
    if (name === "constructor" || name.startsWith("_")) return [];
    const value: unknown = Reflect.get(part, name);
    if (typeof value === "function") {
      return [{ name: prefix + name, call: (args) => Reflect.apply(value, part, args) as unknown }];
    }
    const isPart = typeof value === "object" && value !== null && "_client" in value && depth < 3;
    return isPart ? methodsOf(value, `${prefix}${name}.`, depth + 1) : [];
  });
}

/** The requests that each method makes, whatever it is given and answered. */
async function requestsOf(): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const requests = new Map<string, Set<string>>();
  const calls = new AsyncLocalStorage<{ readonly name: string; readonly answer: unknown }>();
  const client = new Client({
    apiUrl: "http://langsmith.test",
    apiKey: "any",
    autoBatchTracing: false,
    callerOptions: { maxRetries: 0, maxConcurrency: Number.POSITIVE_INFINITY },
    fetchImplementation: async (input, init) => {
      const { name, answer } = calls.getStore() ?? { name: "", answer: {} };
      const { pathname } = new URL(input instanceof Request ? input.url : input);
      requests.get(name)?.add(`${(init?.method ?? "GET").toUpperCase()} ${pathname}`);
      return Response.json(answer);
    },
  });
  const methods = methodsOf(client);
  for (const { name } of methods) requests.set(name, new Set());
  const tries = methods.flatMap(({ name, call }) =>
    ANSWERS.flatMap((answer) =>
      ARGUMENTS.map((args) =>
        calls.run({ name, answer }, async () => {
          // What it makes of the answer is not asked here.
          const made = settle(call, args).catch(() => undefined);
          if (!TRYING_AGAIN.has(name)) await made;
        }),
      ),
    ),
  );
  await Promise.all(tries);
  return requests;
}

async function settle(call: Method["call"], args: readonly unknown[]): Promise<void> {
  const result = call(args);
  if (typeof result === "object" && result !== null && Symbol.asyncIterator in result) {
    await (result as AsyncIterable<unknown>)[Symbol.asyncIterator]().next();
  } else await result;
}

test("every method of the JavaScript client asks for a route that is done, or that answers 501 with its name", async () => {
  const router = new Router(LANGSMITH_ROUTES);
  const requests = await requestsOf();
  const unknown: string[] = [];
  const silent: string[] = [];
  for (const [name, asked] of requests) {
    if (asked.size === 0 && !SILENT.has(name)) silent.push(name);
    for (const request of asked) {
      const [method = "", path = ""] = request.split(" ");
      if (router.find(method, canonicalPath(path)) === undefined) unknown.push(`${name}: ${request}`);
    }
  }
  expect(unknown).toEqual([]);
  expect(silent).toEqual([]);
  expect(requests.size).toBeGreaterThan(200);
});
