import { CounterfoilError, type JsonObject } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { textIn } from "../records/text-in.js";
import { findDataset, versionTime } from "./dataset-history.js";
import { type MergePlan, planMerge } from "./dataset-merge.js";
import { checkExampleSchemas } from "./example-schemas.js";
import type { Choice } from "./merge-lines.js";

/** A merge as a user asks for it. */
export interface DecidedMerge {
  readonly rows: Rows;
  /** Name or id of the dataset that is changed, and of the other line. */
  readonly dataset: string;
  readonly from: string;
  /** A version of the other line: its time, a tag, or the first digits of its hash. */
  readonly asOf?: string | undefined;
  /** Ids of examples in conflict that one line wins, or `all`. */
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
  readonly unrelated: boolean;
  readonly now?: () => Date;
}

const ALL = "all";

/**
 * What the merge does, with the decisions about its conflicts. Throws CF_USAGE for an example in both lists, CF_NOT_FOUND for a
 * dataset, version or decided example that is not there, CF_RECORD_INVALID when the dataset's JSON Schema does not allow what
 * comes in, and as {@link planMerge}.
 */
export async function planDecidedMerge(request: DecidedMerge): Promise<MergePlan> {
  const { asOf, now, rows, unrelated } = request;
  const both = request.ours.find((id) => request.theirs.includes(id));
  if (both !== undefined) throw new CounterfoilError("CF_USAGE", `${both} is decided for both lines.`);
  const ours = await findDataset(rows, request.dataset);
  const theirs = await findDataset(rows, request.from);
  const asked = new Set<string>();
  const plan = await planMerge({
    rows,
    ours,
    theirs,
    theirsAsOf: asOf === undefined ? undefined : await versionTime(rows, theirs.id, asOf),
    unrelated,
    choice: (id) => {
      asked.add(id);
      return choiceOf(request, id);
    },
    ...(now === undefined ? {} : { now }),
  });
  const unknown = [...request.ours, ...request.theirs].find((id) => id !== ALL && !asked.has(id));
  if (unknown !== undefined) {
    throw new CounterfoilError("CF_NOT_FOUND", `${ours.name} has no example ${unknown} to decide.`);
  }
  const [row] = await rows("SELECT data FROM datasets WHERE id = $1", [ours.id]);
  const dataset = JSON.parse(textIn(row, "data")) as JsonObject;
  for (const { id, data } of plan.changes) {
    if (data !== null) checkExampleSchemas(dataset, data, `example ${id}`);
  }
  return plan;
}

/** An example that is named beats all. */
function choiceOf({ ours, theirs }: DecidedMerge, id: string): Choice | undefined {
  if (theirs.includes(id)) return "theirs";
  if (ours.includes(id) || ours.includes(ALL)) return "ours";
  return theirs.includes(ALL) ? "theirs" : undefined;
}
