import type {
  Bindings,
  DatasetService,
  EgressLedger,
  EvaluatorService,
  FeedbackConfigCache,
  ProjectService,
  QueueService,
  RulesEngine,
  RuleService,
  Sandbox,
} from "../loop/index.js";
import type { ProjectNames } from "./langsmith/projects/project-names.js";

/** What the APIs share. */
export interface SharedParts {
  /** Each takes feedback, and all go by the same configs. */
  readonly configs: FeedbackConfigCache;
  /** One for all, so that changes come in turn and each makes a version of its own. */
  readonly datasets: DatasetService;
  readonly rules: RulesEngine;
  /** One for all, so that changes of rules come in turn. */
  readonly ruleBook: RuleService;
  /** A condition over `s`, a row of `spans`: the runs that LangSmith's API shows of the projects with these ids. */
  readonly runsOfProjects: (ids: readonly string[]) => Promise<(bindings: Bindings) => string>;
  readonly projects: { readonly service: ProjectService; readonly names: ProjectNames };
  /** One for all, in turn with the rules. */
  readonly evaluators: EvaluatorService;
  /** Where SQL of users runs. */
  readonly sandbox: Sandbox;
  /** What left this machine. */
  readonly egress: EgressLedger;
  /** One for all, so that changes of items come in turn. */
  readonly queues: QueueService;
}
