import { CounterfoilError, type JsonObject, RULE_RUNS, RULE_RUNS_PER_CHANGE } from "../../schema/index.js";
import { textIn } from "../records/text-in.js";
import { act } from "./act.js";
import { matchingRuns } from "./matched-runs.js";
import { checkRule } from "./rule-check.js";
import { ruleIdOf } from "./rule-ids.js";
import type { Rule } from "./rule-types.js";
import { loadChange, matching, type TakePorts } from "./take-runs.js";

/** What a rule would make of one run. */
export interface Preview {
  readonly traceId: string;
  readonly spanId: string;
  readonly runId: string;
  /** Outcome, reason and actions, as `rule_runs` would have them. */
  readonly note: JsonObject;
  /** The records that it would make, by type. */
  readonly makes: readonly { readonly type: string; readonly data: JsonObject }[];
}

/**
 * What a rule would make of the runs of a trace, as if it had never looked: nothing is written or sent. The rule need not be
 * there. Its sample and debounce don't count. Throws CF_RECORD_INVALID for a rule that can't work.
 */
export async function previewRule(
  ports: TakePorts,
  data: JsonObject,
  traceId: string,
): Promise<readonly Preview[]> {
  checkRule(data);
  const name = textIn(data, "name");
  const { sampling_rate: _rate, ...whole } = data;
  // An id that no rule has: what the rule of that name did already would be no preview.
  const rule: Rule = {
    id: ruleIdOf(`preview of ${name}`),
    name,
    enabled: true,
    version: 1,
    data: whole,
    sinceSeq: 0,
  };
  const previews: Preview[] = [];
  for await (const found of matchingRuns(ports.rows, { rule, traceIds: [traceId] })) {
    for (const key of await matching(ports, rule, found)) {
      if (previews.length === RULE_RUNS_PER_CHANGE) {
        throw new CounterfoilError(
          "CF_USAGE",
          `The rule takes more than ${RULE_RUNS_PER_CHANGE} runs of that trace. Narrow its filter.`,
        );
      }
      const change = await loadChange(ports, { rule, keys: [key] });
      const records = await act(ports, { ...change, time: new Date().toISOString() });
      const note = records.find(({ type }) => type === RULE_RUNS.type)?.data ?? {};
      previews.push({
        ...key,
        note: {
          outcome: note["outcome"] ?? null,
          reason: note["reason"] ?? null,
          actions: note["actions"] ?? [],
        },
        makes: records.flatMap(({ type, data: made }) =>
          type === RULE_RUNS.type || made === null ? [] : [{ type, data: made }],
        ),
      });
    }
  }
  return previews;
}
