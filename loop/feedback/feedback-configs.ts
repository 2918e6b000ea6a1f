import {
  configProblem,
  CounterfoilError,
  FEEDBACK_CONFIGS,
  feedbackProblem,
  type JsonObject,
  type JsonValue,
  nameUuid,
  FEEDBACK_CONFIG_WAIT_MS,
  type StoredChange,
} from "../../schema/index.js";
import type { ReaderRow, RecordDraft, RecordWriter } from "../../store/index.js";
import { InTurn } from "../records/in-turn.js";
import { textIn } from "../records/text-in.js";
import type { Rows } from "./feedback-query.js";

/** Namespace of the ids of configs: a key has one, with the same id on every server. */
const CONFIG_IDS = "3c0a4f5e-6f2d-5b0c-8a1e-9b7d2c4e6f80";

/** The config of a feedback key. */
export interface FeedbackConfig {
  readonly id: string;
  readonly key: string;
  /** As in the record type `feedback_config`. */
  readonly data: JsonObject;
  /** RFC 3339 of its last change. */
  readonly modifiedAt: string;
  readonly isDeleted: boolean;
}

/** Which configs to list. */
export interface FeedbackConfigFilter {
  readonly keys?: readonly string[];
  readonly nameContains?: string;
  /** Also those that were deleted, as they were last. */
  readonly withDeleted?: boolean;
}

/** A category to add, or the whole config; absent fields stay. */
export interface FeedbackConfigChange {
  readonly config?: JsonObject;
  readonly isLowerScoreBetter?: boolean;
  readonly addCategories?: readonly JsonObject[];
  /** By value. */
  readonly removeCategories?: readonly number[];
}

/**
 * The configs of all keys in memory: each feedback is checked against its key's, and must not wait for a query. One for
 * a server; whoever writes configs tells it by {@link apply}.
 */
export class FeedbackConfigCache {
  readonly #rows: Rows;
  #loaded: Promise<ReadonlyMap<string, FeedbackConfig>> | undefined;

  /** `rows` must see everything that was acknowledged before the call. */
  constructor(rows: Rows) {
    this.#rows = rows;
  }

  /** Configs by key. Read once; throws as a query. */
  byKey(): Promise<ReadonlyMap<string, FeedbackConfig>> {
    const loading = (this.#loaded ??= readConfigs(this.#rows, {}).then(
      (configs) => new Map(configs.map((config) => [config.key, config])),
    ));
    loading.catch(() => {
      if (this.#loaded === loading) this.#loaded = undefined;
    });
    return loading;
  }

  /**
   * The same for feedback that waits to be stored: none when they can't be read within FEEDBACK_CONFIG_WAIT_MS. What was
   * given must not be lost because the mirror is slow or full.
   */
  async byKeySoon(): Promise<ReadonlyMap<string, FeedbackConfig>> {
    const none = new Map<string, FeedbackConfig>();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<typeof none>((resolve) => {
      timer = setTimeout(() => resolve(none), FEEDBACK_CONFIG_WAIT_MS);
    });
    try {
      return await Promise.race([this.byKey().catch(() => none), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** These records are durable. Those that are no configs change nothing. */
  apply(changes: readonly StoredChange[]): void {
    const configs = changes.filter(({ type }) => type === FEEDBACK_CONFIGS.type);
    this.#loaded = this.#loaded?.then((known) => {
      const byKey = new Map(known);
      for (const { id, op, data, time = "" } of configs) {
        for (const [key, config] of byKey) if (config.id === id) byKey.delete(key);
        const state = objectOf(data);
        const key = textIn(state, "feedback_key");
        if (op === "put" && key !== "")
          byKey.set(key, { id, key, data: state, modifiedAt: time, isDeleted: false });
      }
      return byKey;
    });
  }
}

/** What {@link FeedbackConfigService} works with. */
export interface FeedbackConfigPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  readonly cache: FeedbackConfigCache;
  readonly now?: () => Date;
}

/** Configs of feedback keys as records (invariant I5). A key has one; every feedback of the key is checked against it. */
export class FeedbackConfigService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #cache: FeedbackConfigCache;
  readonly #now: () => Date;
  readonly #turns = new InTurn();

  constructor({ writer, rows, cache, now = () => new Date() }: FeedbackConfigPorts) {
    this.#writer = writer;
    this.#rows = rows;
    this.#cache = cache;
    this.#now = now;
  }

  /** In the order of keys. */
  list(filter: FeedbackConfigFilter = {}): Promise<FeedbackConfig[]> {
    return readConfigs(this.#rows, filter);
  }

  /** Gives the key this config. One that is the same is given back; throws CF_CONFLICT for another one. */
  create(data: JsonObject): Promise<FeedbackConfig> {
    return this.#turns.run(async () => {
      const key = textIn(data, "feedback_key");
      const there = (await this.#cache.byKey()).get(key);
      if (there === undefined) return this.#put(key, { ...data, created_at: this.#now().toISOString() });
      if (sameConfig(there.data, data)) return there;
      throw new CounterfoilError(
        "CF_CONFLICT",
        `Feedback config already exists for the key ${key}, and is another one. Update it, or delete it first.`,
      );
    });
  }

  /** Throws CF_NOT_FOUND, and CF_RECORD_INVALID for a change that its type does not allow. */
  update(key: string, change: FeedbackConfigChange): Promise<FeedbackConfig> {
    return this.#turns.run(async () => {
      const { data } = await this.#existing(key);
      const config = withCategories(change.config ?? objectOf(data["feedback_config"]), change);
      const direction =
        change.isLowerScoreBetter === undefined ? {} : { is_lower_score_better: change.isLowerScoreBetter };
      return this.#put(key, { ...data, feedback_config: config, ...direction });
    });
  }

  /** Throws CF_NOT_FOUND. Feedback stays as it is. */
  remove(key: string): Promise<void> {
    return this.#turns.run(async () => {
      const { id } = await this.#existing(key);
      await this.#writer.append([{ type: FEEDBACK_CONFIGS.type, id, op: "delete", data: null }]);
    });
  }

  async #existing(key: string): Promise<FeedbackConfig> {
    const there = (await this.#cache.byKey()).get(key);
    if (there !== undefined) return there;
    throw new CounterfoilError("CF_NOT_FOUND", `Feedback config of the key ${key} not found`);
  }

  async #put(key: string, data: JsonObject): Promise<FeedbackConfig> {
    const draft = configDraft(key, data);
    const { changes } = await this.#writer.append([draft]);
    return { id: draft.id, key, data, modifiedAt: changes[0]?.time ?? "", isDeleted: false };
  }
}

/**
 * Checks feedback against the configs of its keys. Gives the records of configs that feedback brings along for keys that
 * have none. Throws CF_RECORD_INVALID.
 */
export function checkAgainstConfigs(
  drafts: readonly JsonObject[],
  configs: ReadonlyMap<string, FeedbackConfig>,
  time: string,
): RecordDraft[] {
  const brought = new Map<string, RecordDraft>();
  for (const draft of drafts) {
    const { key, feedback_config: own } = draft;
    if (typeof key !== "string") continue;
    const known = configs.get(key) ?? brought.get(key);
    let config = known === undefined ? undefined : objectOf(known.data?.["feedback_config"]);
    if (config === undefined && isConfig(own)) {
      config = own;
      brought.set(key, configDraft(key, { feedback_key: key, feedback_config: own, created_at: time }));
    }
    const problem = config === undefined ? undefined : feedbackProblem(config, draft);
    if (problem === undefined) continue;
    throw new CounterfoilError(
      "CF_RECORD_INVALID",
      `Not a valid feedback: ${problem} (the config of the key ${JSON.stringify(key)}).`,
    );
  }
  return [...brought.values()];
}

/** A config that is valid by itself; what a client sends beside it that is none is kept with its feedback only. */
function isConfig(value: JsonValue | undefined): value is JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const config = value as JsonObject;
  const { type, min = null, max = null, categories = null } = config;
  const isBound = (bound: JsonValue): boolean => bound === null || typeof bound === "number";
  const isCategory = (item: JsonValue): boolean => typeof objectOf(item)["value"] === "number";
  return (
    (type === "continuous" || type === "categorical" || type === "freeform") &&
    isBound(min) &&
    isBound(max) &&
    (categories === null || (Array.isArray(categories) && categories.every(isCategory))) &&
    configProblem(config) === undefined
  );
}

/** The id of a key's config: the same on every server. */
export function feedbackConfigId(key: string): string {
  return nameUuid(CONFIG_IDS, key);
}

function configDraft(key: string, data: JsonObject): RecordDraft & { readonly id: string } {
  return { type: FEEDBACK_CONFIGS.type, id: feedbackConfigId(key), op: "put", data };
}

function withCategories(config: JsonObject, change: FeedbackConfigChange): JsonObject {
  const { addCategories = [], removeCategories = [] } = change;
  if (addCategories.length === 0 && removeCategories.length === 0) return config;
  const there = (config["categories"] ?? []) as readonly JsonObject[];
  const missing = removeCategories.find((value) => !there.some((category) => category["value"] === value));
  if (missing !== undefined) {
    throw new CounterfoilError("CF_RECORD_INVALID", `There is no category with the value ${missing}.`);
  }
  const kept = there.filter(({ value }) => !removeCategories.includes(value as number));
  return { ...config, categories: [...kept, ...addCategories] };
}

async function readConfigs(rows: Rows, filter: FeedbackConfigFilter): Promise<FeedbackConfig[]> {
  const params: string[] = [];
  const bind = (value: string): string => `$${params.push(value)}`;
  const { keys, nameContains, withDeleted = false } = filter;
  if (keys?.length === 0) return [];
  const conditions = [
    ...(keys === undefined ? [] : [`feedback_key IN (${keys.map(bind).join(", ")})`]),
    ...(nameContains === undefined ? [] : [`contains(lower(feedback_key), lower(${bind(nameContains)}))`]),
  ];
  // A deleted one has its last state in the row before.
  const source = withDeleted
    ? `(SELECT id, arg_max(op, order_key) AS last_op, arg_max(feedback_key, order_key) FILTER (op = 'put') AS feedback_key,
  arg_max(data, order_key) FILTER (op = 'put') AS data, max(time) AS time
  FROM (SELECT *, {'s': seq, 'i': seq_index} AS order_key FROM feedback_configs_history) GROUP BY id)`
    : "(SELECT id, 'put' AS last_op, feedback_key, data, time FROM feedback_configs)";
  const found = await rows(
    `SELECT id, feedback_key, data, last_op, strftime(time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS modified_at
FROM ${source} WHERE ${["data IS NOT NULL", ...conditions].join(" AND ")} ORDER BY feedback_key`,
    params,
  );
  return found.map(configOf);
}

function configOf(row: ReaderRow): FeedbackConfig {
  return {
    id: textIn(row, "id"),
    key: textIn(row, "feedback_key"),
    data: JSON.parse(textIn(row, "data")) as JsonObject,
    modifiedAt: textIn(row, "modified_at"),
    isDeleted: row["last_op"] === "delete",
  };
}

/** Whether a config that is given says nothing else than the one that is there. */
function sameConfig(there: JsonObject, given: JsonObject): boolean {
  const config = (data: JsonObject): string => canonical(objectOf(data["feedback_config"]));
  const direction = given["is_lower_score_better"];
  return (
    config(there) === config(given) &&
    (direction === undefined || Boolean(direction) === Boolean(there["is_lower_score_better"]))
  );
}

/** JSON without nulls, keys in order. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_key, item: JsonValue) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(
          Object.entries(item)
            .filter(([, each]) => each !== null)
            .sort(([left], [right]) => (left < right ? -1 : 1)),
        )
      : item,
  );
}

function objectOf(value: JsonValue | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}
