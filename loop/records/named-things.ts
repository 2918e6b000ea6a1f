import { randomUUID } from "node:crypto";
import { canonicalJson, CounterfoilError, type JsonObject, uuidOf } from "../../schema/index.js";
import type { RecordDraft, RecordWriter } from "../../store/index.js";
import type { InTurn } from "./in-turn.js";
import { textIn } from "./text-in.js";

/** Something with a unique name and numbered versions: a rule, an evaluator. */
export interface NamedThing {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly data: JsonObject;
}

/** One as someone gives it: the fields of its record type, and an id unless its name makes it. */
export interface NamedDraft {
  readonly id?: string;
  readonly data: JsonObject;
}

/** What applying does, or would do, to one of them. */
export interface ChangePlan {
  readonly id: string;
  readonly name: string;
  readonly change: "create" | "update" | "unchanged" | "delete";
  /** What is there now, without version and times; undefined when it is new. */
  readonly before?: JsonObject;
  readonly after?: JsonObject;
}

/** How things of one type are planned. */
export interface PlanOptions {
  /** What one is called in errors, and the type of its records. */
  readonly type: string;
  /** Throws CF_RECORD_INVALID. */
  readonly check: (data: JsonObject) => void;
  /** Id of one that was given none, by its name. */
  readonly idOf: (name: string) => string;
  /** Delete all that are not given. */
  readonly prune: boolean;
}

/** Fields that the server keeps itself. */
const OWN = new Set(["version", "created_at", "updated_at"]);

/**
 * What applying these drafts would do: each creates one, or replaces the one of its id or name. Throws CF_CONFLICT for one
 * that is given twice, and as `check`, with the name of the draft that is wrong.
 */
function plansOf(
  there: readonly NamedThing[],
  drafts: readonly NamedDraft[],
  options: PlanOptions,
): readonly ChangePlan[] {
  const plans = drafts.map((draft): ChangePlan => {
    const after = given(draft.data);
    checkDraft(after, { ...options, isOnly: drafts.length === 1 });
    const name = textIn(after, "name");
    const id = uuidOf(draft.id) ?? draft.id;
    const found = there.find((each) =>
      id === undefined ? each.name === name : each.id === id || each.id === draft.id,
    );
    if (found === undefined) {
      return { id: id ?? newId(there, options.idOf(name)), name, change: "create", after };
    }
    const before = given(found.data);
    const change = canonicalJson(before) === canonicalJson(after) ? "unchanged" : "update";
    return { id: found.id, name, change, before, after };
  });
  checkIds(options.type, plans);
  if (!options.prune) return plans;
  const gone = there.filter(({ id }) => !plans.some((plan) => plan.id === id));
  return [
    ...plans,
    ...gone.map(({ id, name, data }) => ({ id, name, change: "delete", before: given(data) }) as const),
  ];
}

/** What a change works with. */
export interface ChangePorts {
  readonly writer: RecordWriter;
  /** Neither may anything change between what the change reads and what it writes. */
  readonly turns: InTurn;
  readonly now?: () => Date;
}

/** What a caller decides of a change. */
export interface ChangeOptions {
  /** Check and tell, and write nothing. */
  readonly dryRun?: boolean;
  /** Delete all that are not given. */
  readonly prune?: boolean;
}

/**
 * Makes all things of a type what is given, as one change: each is created, or replaces the one of its id or name. Throws as
 * {@link plansOf}, {@link afterPlans} and `verify` do, which sees what there would be; then nothing was written.
 */
export function changeThings(
  ports: ChangePorts,
  drafts: readonly NamedDraft[],
  options: Omit<PlanOptions, "prune"> &
    ChangeOptions & {
      readonly most: number;
      readonly list: () => Promise<readonly NamedThing[]>;
      readonly verify: (plans: readonly ChangePlan[], after: ThingsAfter) => Promise<void>;
    },
): Promise<readonly ChangePlan[]> {
  const { type, list, verify, dryRun = false, prune = false } = options;
  return ports.turns.run(async () => {
    const there = await list();
    const plans = plansOf(there, drafts, { ...options, prune });
    await verify(plans, afterPlans(there, plans, options));
    const time = (ports.now?.() ?? new Date()).toISOString();
    const records = dryRun ? [] : recordsOf(type, there, { plans, time });
    if (records.length > 0) await ports.writer.append(records);
    return plans;
  });
}

/** What there would be after a change. */
export type ThingsAfter = readonly Pick<NamedThing, "id" | "name" | "data">[];

/** What is there once the plans are done. Throws CF_CONFLICT for a name that two have, CF_USAGE above `most`. */
function afterPlans(
  there: readonly NamedThing[],
  plans: readonly ChangePlan[],
  { type, most }: { readonly type: string; readonly most: number },
): ThingsAfter {
  const untouched = there.filter(({ id }) => !plans.some((plan) => plan.id === id));
  const left = plans.flatMap(({ id, name, after }) =>
    after === undefined ? [] : [{ id, name, data: after }],
  );
  const all = [...untouched, ...left];
  if (all.length > most) {
    throw new CounterfoilError(
      "CF_USAGE",
      `There may be at most ${most} ${type}s, this would be ${all.length}.`,
    );
  }
  const names = new Set<string>();
  for (const { name } of all) {
    if (names.has(name)) throw nameTaken(type, name);
    names.add(name);
  }
  return all;
}

/** That another one has the name. */
export function nameTaken(type: string, name: string): CounterfoilError {
  const article = /^[aeiou]/.test(type) ? "An" : "A";
  return new CounterfoilError(
    "CF_CONFLICT",
    `${article} ${type} named ${JSON.stringify(name)} already exists.`,
  );
}

/** The records of the plans. What is unchanged has none; a change counts the version up. */
function recordsOf(
  type: string,
  there: readonly NamedThing[],
  { plans, time }: { readonly plans: readonly ChangePlan[]; readonly time: string },
): RecordDraft[] {
  return plans.flatMap(({ id, change, after }): RecordDraft[] => {
    if (change === "unchanged") return [];
    if (after === undefined) return [{ type, id, op: "delete", data: null, time }];
    const before = there.find((each) => each.id === id);
    const version = (before?.version ?? 0) + 1;
    const created = before?.data["created_at"] ?? time;
    return [
      {
        type,
        id,
        op: "put",
        data: { ...after, version, created_at: created, updated_at: time },
        time,
      },
    ];
  });
}

/** The one of that id, else of that name. Throws CF_NOT_FOUND. */
export function namedThing<T extends NamedThing>(all: readonly T[], idOrName: string, type: string): T {
  const found = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName);
  if (found !== undefined) return found;
  const what = `${type.slice(0, 1).toUpperCase()}${type.slice(1)}`;
  throw new CounterfoilError("CF_NOT_FOUND", `${what} ${idOrName} not found`);
}

function checkDraft(
  data: JsonObject,
  { type, check, isOnly }: Pick<PlanOptions, "type" | "check"> & { readonly isOnly: boolean },
): void {
  try {
    check(data);
  } catch (error) {
    if (!(error instanceof CounterfoilError) || isOnly || typeof data["name"] !== "string") throw error;
    const text = `${type} ${JSON.stringify(data["name"])}: ${error.message}`;
    throw new CounterfoilError(error.code, text, { cause: error });
  }
}

/** The name's id, unless the one that has it is called otherwise by now: to put that id anew would undo it. */
function newId(there: readonly NamedThing[], id: string): string {
  return there.some((each) => each.id === id) ? randomUUID() : id;
}

/** One given under two names, as by its id and by the name that it has: only one of them could stay. */
function checkIds(type: string, plans: readonly ChangePlan[]): void {
  const names = new Map<string, string>();
  for (const { id, name } of plans) {
    const other = names.get(id);
    if (other !== undefined) {
      const both = `${JSON.stringify(other)} and ${JSON.stringify(name)}`;
      throw new CounterfoilError(
        "CF_CONFLICT",
        `The ${type} ${id} is given twice, as ${both}. Give it once.`,
      );
    }
    names.set(id, name);
  }
}

/** What a person decides; a null is the same as nothing. */
function given(data: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(data).filter(([name, value]) => !OWN.has(name) && value !== null));
}
