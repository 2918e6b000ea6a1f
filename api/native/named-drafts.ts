import { type ChangePlan, type NamedDraft, nameTaken } from "../../loop/index.js";
import { type ApiRequest, CounterfoilError, type JsonObject, type JsonValue } from "../../schema/index.js";
import { jsonBody, jsonObject } from "./json-call.js";

/** Rules or evaluators: what the routes of both ask of their service. */
interface NamedService<T extends { readonly name: string }> {
  list(): Promise<readonly T[]>;
  get(idOrName: string): Promise<T>;
  apply(drafts: readonly NamedDraft[]): Promise<readonly ChangePlan[]>;
}

/** What a request to apply a list gives. Throws CF_USAGE for what is no list of objects. */
export function appliedDrafts(
  request: ApiRequest,
  field: string,
): {
  readonly drafts: readonly NamedDraft[];
  readonly options: { readonly dryRun: boolean; readonly prune: boolean };
} {
  const { [field]: list, dry_run: dryRun, prune } = jsonObject(jsonBody(request));
  if (!Array.isArray(list)) throw new CounterfoilError("CF_USAGE", `${field} must be a list of ${field}.`);
  const drafts = (list as readonly JsonValue[]).map((each, index) => {
    if (typeof each !== "object" || each === null || Array.isArray(each)) {
      throw new CounterfoilError("CF_USAGE", `${field}[${index}] must be an object.`);
    }
    return draftOf(each as JsonObject);
  });
  return { drafts, options: { dryRun: dryRun === true, prune: prune === true } };
}

/** Without what the server keeps itself, so that what was read can be sent back. */
export function draftOf({ id, version, created_at, updated_at, ...data }: JsonObject): NamedDraft {
  void [version, created_at, updated_at];
  return { data, ...(typeof id === "string" ? { id } : {}) };
}

/** Creates one, or replaces the one of that id, and gives it as it is then. Throws CF_CONFLICT for a name that is taken. */
export async function saved<T extends { readonly name: string }>(
  service: NamedService<T>,
  {
    type,
    draft,
    id,
  }: { readonly type: string; readonly draft: NamedDraft; readonly id?: string | undefined },
): Promise<T> {
  if (id === undefined) {
    const { name } = draft.data;
    const taken = (await service.list()).find((each) => each.name === name);
    if (taken !== undefined) throw nameTaken(type, taken.name);
  }
  const [plan] = await service.apply([{ ...draft, ...(id === undefined ? {} : { id }) }]);
  return service.get(plan?.id ?? "");
}
