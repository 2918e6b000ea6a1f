import { type Api, type ApiHost, type CreateApi, FEEDBACK_CONFIGS, SHIPPED_PRICES } from "../schema/index.js";
import {
  type Bindings,
  createFeedbackService,
  DatasetService,
  EgressLedger,
  EvaluatorService,
  FeedbackConfigCache,
  InTurn,
  ProjectService,
  QueueService,
  RulesEngine,
  RuleService,
  type Sandbox,
} from "../loop/index.js";
import { createRecordWriter, dataDirPaths, PriceWatch, runQuery, type SqlParameter } from "../store/index.js";
import { createLangSmithApi } from "./langsmith/langsmith-api.js";
import { ProjectNames } from "./langsmith/projects/project-names.js";
import { projectSql } from "./langsmith/runs/run-query.js";
import { createMirrorReads, type MirrorReads } from "./mirror-reads.js";
import { createEvaluatorsApi } from "./native/evaluators-api.js";
import { createDatasetsApi } from "./native/datasets-api.js";
import { createEgressApi } from "./native/egress-api.js";
import { createImportApi } from "./native/import-api.js";
import { createFeedbackApi } from "./native/feedback-api.js";
import { createMarksApi } from "./native/marks-api.js";
import { createPricesApi } from "./native/prices-api.js";
import { createQueuesApi } from "./native/queues-api.js";
import { createRulesApi } from "./native/rules-api.js";
import { createSqlApi } from "./native/sql-api.js";
import type { SharedParts } from "./shared-parts.js";
import { watchRecords } from "./watch-records.js";

/** Every HTTP API beside OTLP, in the order in which they are asked for a path. */
const APIS: readonly ((host: ApiHost, reads: MirrorReads, shared: SharedParts) => Api)[] = [
  createFeedbackApi,
  createPricesApi,
  createImportApi,
  createRulesApi,
  createEvaluatorsApi,
  createMarksApi,
  createEgressApi,
  createQueuesApi,
  createSqlApi,
  createDatasetsApi,
  createLangSmithApi,
];

/** Builds the APIs that a collector serves on its HTTP port. `cli/` hands it to the collector, which knows only the port. */
export const createApi: CreateApi = (host): Api => {
  // One process reads for all of them.
  const reads = createMirrorReads(host);
  const configs = new FeedbackConfigCache((sql, params) => reads.rows(sql, params));
  const watched = watchRecords(host, FEEDBACK_CONFIGS.type, (changes) => configs.apply(changes));
  const rows = (sql: string, params: readonly SqlParameter[]) => reads.rows(sql, params);
  const peek = (sql: string, params: readonly SqlParameter[]) => reads.peek(sql, params);
  // Rules change both: no other change of either may come between what they read and what they write.
  const turns = new InTurn();
  const datasets = new DatasetService({
    writer: createRecordWriter(watched, { source: "langsmith" }),
    rows,
    turns,
  });
  const writer = createRecordWriter(watched, { source: "api" });
  const feedback = createFeedbackService({ writer, rows, configs });
  const queues = new QueueService({ writer, rows, peek, feedback, turns });
  const sandbox = createSandbox(host.dataDir);
  const egress = new EgressLedger({
    writer,
    destinations: () => host.destinations(),
    positionFile: dataDirPaths(host.dataDir).egressPosition,
    onError: (error) => host.onError(error),
  });
  egress.start();
  const rules = startRules(watched, reads, { datasets, sandbox, configs, egress });
  const projects = projectParts(watched, reads);
  const { names } = projects;
  const runsOfProjects = async (ids: readonly string[]) => {
    const found = await names.namesOf(ids);
    return (bindings: Bindings) => `${projectSql(found, bindings)} AND ${names.shownSql("s", bindings)}`;
  };
  // Rules name evaluators.
  const book = { writer, rows, sandbox, turns: new InTurn() };
  const [ruleBook, evaluators] = [new RuleService(book), new EvaluatorService(book)];
  const shared = {
    configs,
    datasets,
    rules,
    ruleBook,
    evaluators,
    sandbox,
    queues,
    egress,
    projects,
    runsOfProjects,
  };
  const apis = APIS.map((create) => create(watched, reads, shared));
  return {
    find(method, path) {
      for (const api of apis) {
        const handler = api.find(method, path);
        if (handler !== undefined) return handler;
      }
      return undefined;
    },
    beforeReplay: (notice) => egress.beforeReplay(notice),
    isPublic: (method, path) => apis.some((api) => api.isPublic?.(method, path) === true),
    async close() {
      await Promise.all([rules.close(), ...apis.map((api) => api.close())]);
      await reads.close();
    },
  };
};

function projectParts(host: ApiHost, reads: MirrorReads): SharedParts["projects"] {
  const rows = (sql: string, params: readonly SqlParameter[]) => reads.rows(sql, params);
  const service = new ProjectService({ writer: createRecordWriter(host, { source: "langsmith" }), rows });
  return { service, names: new ProjectNames(reads, service) };
}

/** A process of its own for each query: the one that reads for the APIs must not die of it. */
function createSandbox(dataDir: string): Sandbox {
  return async (sql) => {
    const { data } = await runQuery({ dataDir, sql, format: "jsonl" });
    const lines = (data?.toString("utf8") ?? "").split("\n").filter((line) => line !== "");
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  };
}

function startRules(
  host: ApiHost,
  reads: MirrorReads,
  parts: Pick<SharedParts, "datasets" | "sandbox" | "configs" | "egress">,
): RulesEngine {
  const watch = new PriceWatch(dataDirPaths(host.dataDir).prices);
  let prices = SHIPPED_PRICES;
  const rules = new RulesEngine({
    ...parts,
    prices: () => (prices = watch.changed() ?? prices),
    rows: (sql, params) => reads.rows(sql, params),
    peek: (sql, params) => reads.peek(sql, params),
    mirror: host.mirror,
    cursorFile: dataDirPaths(host.dataDir).ruleCursors,
    onError: (error) => host.onError(error),
  });
  rules.start();
  return rules;
}
