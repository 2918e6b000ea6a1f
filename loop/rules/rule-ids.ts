import { nameUuid } from "../../schema/index.js";

/** Namespaces of ids that are computed, so that the same thing has the same id however often it is made (I6). */
const RULES = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e10";
const RULE_RUNS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e11";
const EXAMPLES = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e12";
const DATASETS = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e13";
const FEEDBACK = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e14";

interface Span {
  readonly traceId: string;
  readonly spanId: string;
}

/** Id of a rule that was given none: by its name. */
export function ruleIdOf(name: string): string {
  return nameUuid(RULES, name);
}

/** Id of what became of a run under a rule. */
export function ruleRunIdOf(ruleId: string, { traceId, spanId }: Span): string {
  return nameUuid(RULE_RUNS, `${ruleId}/${traceId}/${spanId}`);
}

/** Id of the example that a rule makes of a run in a dataset. */
export function exampleIdOf(ruleId: string, datasetId: string, { traceId, spanId }: Span): string {
  return nameUuid(EXAMPLES, `${ruleId}/${datasetId}/${traceId}/${spanId}`);
}

/** Id of a dataset that a rule makes because there is none of its name. */
export function datasetIdOf(name: string): string {
  return nameUuid(DATASETS, name);
}

/** Id of the feedback that a rule gives on a run. */
export function feedbackIdOf(ruleId: string, key: string, { traceId, spanId }: Span): string {
  return nameUuid(FEEDBACK, `${ruleId}/${key}/${traceId}/${spanId}`);
}
