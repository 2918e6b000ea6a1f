import {
  Bindings,
  type Dataset,
  type DatasetService,
  type QueueService,
  type Rule,
  readRuleLogs,
  type RulesEngine,
  type RuleService,
} from "../../../loop/index.js";
import {
  API_READ_WAIT_MS,
  type ApiHost,
  type JsonObject,
  RULE_LOG_PAGE_MAX,
  type RunJson,
  type RunRecord,
} from "../../../schema/index.js";
import { type MirrorReads, type Row, textAt } from "../../mirror-reads.js";
import { objectBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageLimits } from "../paging.js";
import type { ProjectNames } from "../projects/project-names.js";
import { idIn, idInPath, timeIn } from "../queues/queue-parts.js";
import { badField, json, notFound } from "../replies.js";
import { checkRuleBody, ruleDataOf, type RuleTarget, type RuleTargets } from "./rule-body.js";
import { logView, ruleView, type TargetNames } from "./rule-views.js";

/** What routes of run rules work with. */
export interface RuleParts {
  readonly host: ApiHost;
  readonly reads: MirrorReads;
  readonly projects: ProjectNames;
  readonly book: RuleService;
  readonly engine: RulesEngine;
  readonly datasets: DatasetService;
  readonly queues: QueueService;
}

/** Routes of run rules: our rules in LangSmith's words, as far as these go. */
export function ruleHandlers(parts: RuleParts): Readonly<Record<string, Handler>> {
  const { book } = parts;
  const ruleAt = (call: Call): Promise<Rule> => book.get(idInPath(call, "rule_id"));
  return {
    listRules: async ({ request: { query } }) => {
      const names = await targetNames(parts);
      const ids = query.getAll("id").map((id) => idIn(id, ["query", "id"]));
      const session = query.get("session_id");
      const part = query.get("name_contains")?.toLowerCase();
      // A rule here is over projects: none is over a dataset, and none is an evaluator.
      const others = query.get("type") === "dataset" || query.has("dataset_id") || query.has("evaluator_id");
      const found = (await book.list())
        .map((rule) => ({ rule, view: ruleView(rule, names) }))
        .filter(
          ({ rule, view }) =>
            !others &&
            (ids.length === 0 || ids.includes(rule.id)) &&
            (session === null || view["session_id"] === session.toLowerCase()) &&
            (part === undefined || rule.name.toLowerCase().includes(part)),
        );
      return json(
        200,
        found.map(({ view }) => view),
      );
    },
    createRule: async ({ request }) => {
      const body = objectBody(request.body);
      checkRuleBody(body);
      const data = ruleDataOf({ sampling_rate: 1, ...body }, {}, await targetsOf(parts, body));
      return json(200, await save(parts, data));
    },
    updateRule: async (call) => {
      const rule = await ruleAt(call);
      const body = objectBody(call.request.body);
      checkRuleBody(body);
      return json(200, await save(parts, ruleDataOf(body, rule.data, await targetsOf(parts, body)), rule.id));
    },
    deleteRule: async (call) => {
      const { id } = await ruleAt(call);
      await book.remove(id);
      return json(200, { message: "Run rule deleted" });
    },
    ruleLogs: async (call) => {
      const { id } = await ruleAt(call);
      const { query } = call.request;
      const since = timeIn(query.get("start_time") ?? undefined, ["query", "start_time"]);
      const until = timeIn(query.get("end_time") ?? undefined, ["query", "end_time"]);
      const logs = await readRuleLogs((sql, params) => parts.reads.rows(sql, params), {
        ruleId: id,
        ...(since === undefined ? {} : { since }),
        ...(until === undefined ? {} : { until }),
        ...pageLimits(query, RULE_LOG_PAGE_MAX),
      });
      const runs = await runsOf(parts, logs);
      await parts.projects.load();
      return json(
        200,
        logs.map((log) => logView(log, runs.get(spanName(log)), parts.projects)),
      );
    },
    triggerRule: async (call) => {
      const { id } = await ruleAt(call);
      const seq = parts.host.durableSeq();
      await parts.host.sealed(seq, API_READ_WAIT_MS);
      await parts.engine.caughtUp(seq, API_READ_WAIT_MS);
      return json(200, { message: `Rule ${id} is through with everything that was accepted before` });
    },
  };
}

async function save(parts: RuleParts, data: JsonObject, id?: string): Promise<RunRecord> {
  const { version: _version, created_at: _created, updated_at: _updated, ...given } = data;
  const all = id === undefined ? await parts.book.list() : [];
  if (all.some(({ name }) => name === given["name"]))
    throw badField(["body", "display_name"], "is the name of another rule");
  const [plan] = await parts.book.apply([{ data: given, ...(id === undefined ? {} : { id }) }]);
  return ruleView(await parts.book.get(plan?.id ?? ""), await targetNames(parts));
}

/** What the ids of a body stand for. Throws 404 for what is not there. */
async function targetsOf({ projects, datasets, queues }: RuleParts, body: RunRecord): Promise<RuleTargets> {
  const given = async <T>(field: string, find: (id: string) => Promise<T>): Promise<T | null | undefined> => {
    const value: RunJson | undefined = body[field];
    return value === undefined || value === null ? value : find(idIn(value, ["body", field]));
  };
  return {
    project: await given("session_id", async (id) => {
      const name = (await projects.resolve([id])).get(id);
      if (name === undefined) throw notFound(`Session ${id}`);
      return name;
    }),
    dataset: await given("add_to_dataset_id", async (id) => targetOf(await datasets.get(id))),
    queue: await given("add_to_annotation_queue_id", (id) => queues.get(id)),
  };
}

async function targetNames({ datasets, queues, projects }: RuleParts): Promise<TargetNames> {
  await projects.load();
  const [allDatasets, allQueues] = await Promise.all([datasets.list(), queues.list()]);
  return { projects, datasets: allDatasets.map(targetOf), queues: allQueues };
}

function targetOf({ id, data }: Dataset): RuleTarget {
  return { id, name: textAt(data, "name") ?? "" };
}

/** Names, types and times of the runs of these entries, by span. */
async function runsOf({ reads }: RuleParts, logs: readonly JsonObject[]): Promise<Map<string, Row>> {
  if (logs.length === 0) return new Map();
  const bindings = new Bindings();
  const anyOf = (field: string): string =>
    [...new Set(logs.map((log) => textAt(log, field) ?? ""))].map((id) => bindings.bind(id)).join(", ");
  const rows = await reads.rows(
    `SELECT s.trace_id, s.span_id, s.name, coalesce(s.run_type, 'chain') AS run_type, s.project,
  epoch_ns(s.start_time)::VARCHAR AS start_ns, epoch_ns(s.end_time)::VARCHAR AS end_ns
FROM spans AS s WHERE s.trace_id IN (${anyOf("trace_id")}) AND s.span_id IN (${anyOf("span_id")})`,
    bindings.params,
  );
  return new Map(rows.map((row) => [spanName(row), row]));
}

function spanName(row: Readonly<Record<string, unknown>>): string {
  return `${textAt(row, "trace_id") ?? ""}/${textAt(row, "span_id") ?? ""}`;
}
