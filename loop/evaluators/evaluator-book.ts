import type { JsonObject } from "../../schema/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import type { NamedThing } from "../records/named-things.js";
import { textIn } from "../records/text-in.js";

/** An evaluator as it is written down: see the record type `evaluator`. */
export interface Evaluator extends NamedThing {
  /** Key of the feedback that it gives. */
  readonly feedbackKey: string;
}

/** Every evaluator, current state, by name. */
export async function readEvaluators(rows: Rows): Promise<Evaluator[]> {
  const found = (await rows("SELECT id, data FROM evaluators ORDER BY name, id", [])).map(
    (row): Evaluator => {
      const data = JSON.parse(textIn(row, "data")) as JsonObject;
      return {
        id: textIn(row, "id"),
        name: textIn(data, "name"),
        version: Number(data["version"] ?? 1),
        feedbackKey: textIn(data, "feedback_key"),
        data,
      };
    },
  );
  return found.sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The evaluator that an action of a rule names, by id or name; undefined when there is none. */
export function evaluatorOf<T extends { readonly id?: string; readonly name: string }>(
  action: JsonObject,
  all: readonly T[],
): T | undefined {
  const { evaluator: name, evaluator_id: id } = action;
  if (typeof id === "string") return all.find((each) => each.id === id.toLowerCase());
  return all.find((each) => each.name === name);
}
