/** A route of LangSmith's API that its clients call. */
export interface RouteSpec {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** As below the API's base address; platform routes as `/platform/...`, version 2 as `/v2/...`. */
  readonly path: string;
  /** What it is for, in the words of the SDK's methods. */
  readonly about: string;
  /** Name of the handler, `feedback` for `api/native`'s; absent when the route answers 501. */
  readonly handler?: string;
}

type Line = readonly [methods: string, path: string, about: string, handlers?: string];

/** `GET POST /path` is two routes; `handlers` names one for each, `-` for none. */
const LINES: readonly Line[] = [
  ["GET", "/info", "what the server can do", "info"],
  ["GET", "/settings", "the tenant's id and handle", "settings"],
  ["GET", "/workspaces", "workspaces of the key: the server's own", "workspaces"],
  ["GET POST", "/workspaces/current/secrets", "keys of models: Counterfoil keeps none"],

  ["POST", "/runs", "createRun", "createRun"],
  ["PATCH", "/runs/{run_id}", "updateRun", "updateRun"],
  ["POST", "/runs/batch", "batchIngestRuns", "batchRuns"],
  ["POST", "/runs/multipart", "multipartIngestRuns; feedback too", "multipartRuns"],
  ["GET", "/runs/{run_id}", "readRun", "readRun"],
  ["GET", "/runs/{run_id}/attachments/{name}", "a file of a run", "readRunAttachment"],
  ["POST", "/runs/query", "listRuns", "queryRuns"],
  ["POST", "/runs/stats", "getRunStats", "runStats"],
  ["POST", "/runs/group", "listGroupRuns", "groupRuns"],
  ["GET", "/runs/threads/{thread_id}", "preview of a thread; threads.listTraces reads one"],
  ["POST", "/runs/delete", "purge traces: `counterfoil erase` does, from every file"],
  [
    "GET PUT DELETE",
    "/runs/{run_id}/share",
    "readRunSharedLink, shareRun, unshareRun",
    "readShare shareRun unshareRun",
  ],
  ["POST", "/v2/runs/query", "runs.query; listRuns", "queryRunsV2"],
  ["GET", "/v2/runs/{run_id}", "runs.retrieve; readRun", "readRunV2"],
  ["POST DELETE", "/v2/runs/{run_id}/share", "runs.share", "shareRun unshareRun"],
  ["GET", "/v2/runs/{run_id}/url", "runs.getURL: there is no page to show"],
  ["POST", "/v2/traces/query", "traces.query", "queryTraces"],
  ["GET", "/v2/traces/{trace_id}/runs", "traces.listRuns", "traceRuns"],
  ["POST", "/v2/threads/query", "threads.query", "queryThreads"],
  ["POST", "/v2/threads/stats", "threads.aggregateStats", "allThreadStats"],
  ["GET", "/v2/threads/{thread_id}/traces", "threads.listTraces", "threadTraces"],
  ["GET", "/v2/threads/{thread_id}/stats", "threads.stats", "threadStats"],
  [
    "GET POST DELETE",
    "/v2/threads/{thread_id}/share",
    "threads.share",
    "readThreadShare shareThread unshareThread",
  ],
  ["POST", "/v2/sql/query", "sql.query: not needed, `counterfoil query` runs SQL over the mirror"],
  ["GET", "/public/{share_token}/run", "readSharedRun", "readSharedRun"],
  ["GET", "/public/{share_token}/run/{run_id}", "a run of a shared trace", "readRunOfShare"],
  ["GET", "/public/{share_token}/runs", "listSharedRuns", "listSharedRuns"],
  ["POST", "/public/{share_token}/runs/query", "list_shared_runs", "querySharedRuns"],
  ["GET", "/public/{share_token}/{what}", "listSharedRuns of langsmith 0.12", "misspelledSharedRuns"],
  ["GET", "/v2/public/{share_token}/run/{run_id}", "public.runs.retrieve", "readRunOfShare"],
  ["POST", "/v2/public/{share_token}/runs/query", "public.runs.query", "querySharedRuns"],
  ["GET", "/public/{share_token}/datasets", "readSharedDataset", "readSharedDataset"],
  ["GET", "/public/{share_token}/examples", "listSharedExamples", "listSharedExamples"],
  ["GET", "/public/{share_token}/datasets/sessions", "list_shared_projects: a share shows examples only"],

  ["GET POST", "/sessions", "listProjects, readProject, createProject", "listProjects createProject"],
  [
    "GET PATCH DELETE",
    "/sessions/{session_id}",
    "readProject, updateProject, deleteProject",
    "readProject updateProject deleteProject",
  ],
  ["GET", "/v2/sessions", "sessions.listV2", "listProjectsV2"],
  ["GET", "/sessions/resolutions", "sessions.resolve: the project of an agent"],
  ["POST", "/sessions/{session_id}/dashboard", "sessions.dashboard: prebuilt charts"],
  ["GET POST", "/sessions/{session_id}/insights", "generate_insights"],
  ["GET", "/sessions/{session_id}/insights/{job_id}", "poll_insights"],

  ["GET POST", "/feedback", "listFeedback, createFeedback", "feedback feedback"],
  [
    "GET PATCH DELETE",
    "/feedback/{feedback_id}",
    "readFeedback, updateFeedback, deleteFeedback",
    "feedback feedback feedback",
  ],
  [
    "GET POST",
    "/feedback/tokens",
    "listPresignedFeedbackTokens, createPresignedFeedbackToken",
    "listFeedbackTokens createFeedbackTokens",
  ],
  ["GET POST", "/feedback/tokens/{token}", "feedback without a key", "getFeedbackToken postFeedbackToken"],
  [
    "GET POST PATCH DELETE",
    "/feedback-configs",
    "feedback configurations",
    "listFeedbackConfigs createFeedbackConfig updateFeedbackConfig deleteFeedbackConfig",
  ],

  ["GET POST", "/datasets", "listDatasets, readDataset, createDataset", "listDatasets createDataset"],
  [
    "GET PATCH DELETE",
    "/datasets/{dataset_id}",
    "readDataset, updateDataset, deleteDataset",
    "readDataset updateDataset deleteDataset",
  ],
  ["POST", "/datasets/upload", "uploadCsv", "uploadCsv"],
  ["POST", "/datasets/clone", "copy examples into another dataset", "cloneExamples"],
  ["POST", "/datasets/upload-experiment", "an experiment from elsewhere", "uploadExperiment"],
  ["POST", "/datasets/comparative", "createComparativeExperiment", "createComparative"],
  [
    "DELETE",
    "/datasets/comparative/{comparative_experiment_id}",
    "delete a comparative experiment",
    "deleteComparative",
  ],
  ["GET", "/datasets/{dataset_id}/comparative", "comparative experiments", "listComparative"],
  ["GET", "/datasets/{dataset_id}/version", "readDatasetVersion", "readVersion"],
  ["GET", "/datasets/{dataset_id}/versions", "versions", "listVersions"],
  ["GET", "/datasets/{dataset_id}/versions/diff", "diffDatasetVersions", "diffVersions"],
  ["PUT", "/datasets/{dataset_id}/tags", "updateDatasetTag", "tagVersion"],
  [
    "GET PUT",
    "/datasets/{dataset_id}/splits",
    "listDatasetSplits, updateDatasetSplits",
    "listSplits changeSplits",
  ],
  ["GET", "/datasets/{dataset_id}/csv", "export as CSV", "datasetCsv"],
  ["GET", "/datasets/{dataset_id}/jsonl", "export as JSON Lines", "datasetJsonl"],
  ["GET", "/datasets/{dataset_id}/openai", "export as OpenAI evals", "datasetOpenai"],
  ["GET", "/datasets/{dataset_id}/openai_ft", "readDatasetOpenaiFinetuning", "datasetOpenaiFt"],
  [
    "GET PUT DELETE",
    "/datasets/{dataset_id}/share",
    "readDatasetSharedSchema, shareDataset, unshareDataset",
    "readDatasetShare shareDataset unshareDataset",
  ],
  ["POST", "/datasets/{dataset_id}/runs", "results of experiments", "experimentRuns"],
  ["POST", "/datasets/{dataset_id}/runs/delta", "improved and regressed examples", "experimentDeltas"],
  ["POST", "/datasets/{dataset_id}/experiments/grouped", "experiments by metadata"],
  ["POST", "/datasets/{dataset_id}/group/runs", "runs by metadata"],
  ["POST", "/datasets/{dataset_id}/generate", "synthetic examples"],
  ["POST", "/datasets/{dataset_id}/index", "indexDataset: there is nothing to build", "indexDataset"],
  ["POST", "/datasets/{dataset_id}/index/sync", "syncIndexedDataset", "indexDataset"],
  ["POST", "/datasets/{dataset_id}/search", "similarExamples, by words", "searchExamples"],
  ["GET", "/v2/datasets", "datasets, by cursor", "listDatasetsV2"],
  ["POST", "/v2/datasets/{dataset_id}/experiment-runs", "results of experiments", "experimentRunsV2"],
  [
    "POST PATCH",
    "/platform/datasets/{dataset_id}/examples",
    "createExamples, updateExamples",
    "addExamples changeExamples",
  ],
  ["PATCH", "/platform/datasets/{dataset_id}/examples/metadata", "updateDatasetSplits", "changeMetadata"],
  [
    "DELETE",
    "/platform/datasets/{dataset_id}/examples/{example_id}",
    "datasets.examples.delete",
    "deleteExample",
  ],
  ["POST", "/platform/examples/multipart", "upsert_examples_multipart, of clients before 0.4"],
  ["POST", "/platform/datasets/examples/delete", "deleteExamples", "eraseExamples"],
  [
    "GET POST DELETE",
    "/examples",
    "listExamples, createExample, deleteExamples",
    "listExamples createExample deleteExamples",
  ],
  ["GET", "/examples/count", "number of examples", "countExamples"],
  ["POST PATCH", "/examples/bulk", "createExamples, updateExamples", "createExamples updateExamples"],
  ["POST", "/examples/validate", "check an example against its schema", "validateExample"],
  [
    "GET PATCH DELETE",
    "/examples/{example_id}",
    "readExample, updateExample, deleteExample",
    "readExample updateExample deleteExample",
  ],
  ["GET", "/examples/{example_id}/attachments/{name}", "a file of an example", "readAttachment"],

  ["GET POST", "/annotation-queues", "listAnnotationQueues, createAnnotationQueue"],
  ["GET PATCH DELETE", "/annotation-queues/{queue_id}", "read, update, deleteAnnotationQueue"],
  ["GET POST", "/annotation-queues/{queue_id}/runs", "runs of a queue, addRunsToAnnotationQueue"],
  ["POST", "/annotation-queues/{queue_id}/runs/by-key", "addRunsToAnnotationQueue"],
  ["POST", "/annotation-queues/{queue_id}/runs/delete", "take runs out of a queue"],
  [
    "PATCH DELETE",
    "/annotation-queues/{queue_id}/runs/{queue_run_id}",
    "updateRunInQueue, deleteRunFromAnnotationQueue",
  ],
  ["GET", "/annotation-queues/{queue_id}/run/{index}", "getRunFromAnnotationQueue"],
  ["GET", "/annotation-queues/{queue_id}/size", "getSizeFromAnnotationQueue"],
  ["GET", "/annotation-queues/{queue_id}/total_size", "all runs of a queue"],
  ["GET", "/annotation-queues/{queue_id}/total_archived", "finished runs of a queue"],
  ["POST", "/annotation-queues/{queue_id}/export", "export a queue"],
  ["POST", "/annotation-queues/populate", "fill a queue from an experiment"],

  ["GET POST", "/runs/rules", "run rules"],
  ["PATCH DELETE", "/runs/rules/{rule_id}", "update and delete a run rule"],
  ["GET", "/runs/rules/{rule_id}/logs", "log of a run rule"],
  ["GET", "/runs/rules/{rule_id}/logs/v2", "log of a run rule"],
  ["POST", "/runs/rules/{rule_id}/trigger", "run a rule now"],
  ["GET", "/runs/rules/{rule_id}/last_applied", "how far a rule came"],
  ["POST", "/runs/rules/validate", "check a rule"],
  ["GET POST", "/platform/evaluators", "online evaluators"],
  ["GET PATCH DELETE", "/platform/evaluators/{evaluator_id}", "an online evaluator"],
  ["GET", "/platform/evaluators/spend", "cost of evaluators"],
  ["POST", "/platform/alerts/{session_id}", "create an alert rule"],
  ["POST", "/platform/alerts/{session_id}/test", "test an alert rule"],
  ["GET PATCH DELETE", "/platform/alerts/{session_id}/{alert_rule_id}", "an alert rule"],

  ["GET POST", "/repos", "listPrompts, createPrompt", "listPrompts createPrompt"],
  [
    "GET PATCH DELETE",
    "/repos/{owner}/{repo}",
    "getPrompt, updatePrompt, deletePrompt",
    "readPrompt updatePrompt deletePrompt",
  ],
  ["GET POST", "/repos/{owner}/{repo}/tags", "tags of a prompt", "listPromptTags createPromptTag"],
  ["PATCH DELETE", "/repos/{owner}/{repo}/tags/{tag}", "a tag of a prompt", "movePromptTag deletePromptTag"],
  ["GET POST", "/commits/{owner}/{repo}", "listCommits, createCommit", "listCommits createCommit"],
  ["GET", "/commits/{owner}/{repo}/{commit}", "pullPromptCommit", "readCommit"],
  ["POST", "/likes/{owner}/{repo}", "likePrompt, unlikePrompt", "likePrompt"],
  ["GET DELETE", "/platform/hub/repos/{owner}/{repo}/directories", "pullAgent, pullSkill, and delete"],
  ["POST", "/platform/hub/repos/{owner}/{repo}/directories/commits", "pushAgent, pushSkill"],

  ["GET POST", "/prompt-webhooks", "promptWebhooks"],
  ["GET PATCH DELETE", "/prompt-webhooks/{webhook_id}", "promptWebhooks"],
  ["GET POST", "/agents", "agents"],
  ["GET PATCH DELETE", "/agents/{agent_id}", "agents"],
  ["GET", "/platform/issues", "issues.list, list_issues"],
  ["GET POST", "/bulk-exports", "bulk exports: not needed, the mirror is Parquet"],
  ["GET POST", "/bulk-exports/destinations", "destinations of bulk exports"],
  ["GET", "/bulk-exports/{export_id}/runs", "progress of a bulk export"],
  ["GET POST", "/model-price-map", "prices of models", "listPriceMap createPriceMapEntry"],
  [
    "PUT DELETE",
    "/model-price-map/{price_id}",
    "a price of a model",
    "updatePriceMapEntry deletePriceMapEntry",
  ],
  ["GET POST", "/charts", "charts"],
  ["GET PUT", "/ttl-settings", "retention settings: one tier", "ttlSettings changeTtlSettings"],
  ["GET", "/usage-limits", "usage limits: none", "usageLimits"],
  ["GET", "/audit-logs", "audit log"],
];

/** Every route of the reference that a client method can call, done or not. */
export const LANGSMITH_ROUTES: readonly RouteSpec[] = LINES.flatMap(
  ([methods, path, about, handlers = ""]) => {
    const names = handlers.split(" ");
    return methods.split(" ").map((method, at): RouteSpec => {
      const handler = names[at] ?? "";
      const route = { method: method as RouteSpec["method"], path, about };
      return handler === "" || handler === "-" ? route : { ...route, handler };
    });
  },
);
