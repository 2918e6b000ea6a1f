import { contentHash, errorMessage, type JsonObject, type JsonValue } from "../../../schema/index.js";
import { Comparison, type ComparedType } from "./comparison.js";
import type { ImportDoor } from "./door.js";
import { type ListedProject, listed, rowsById, textAt } from "./import-run.js";
import { listProjects } from "./projects.js";
import { RunPages, type RunPosition } from "./run-pages.js";
import { objectIn, runHash } from "./run-shape.js";
import { compareOthers, OTHER_TYPES } from "./verify-others.js";
import { type LangSmithSource, SourceError } from "./source.js";

/** What to compare. */
export interface VerifyOptions {
  readonly source: LangSmithSource;
  readonly door: ImportDoor;
  /** By name or id; all when absent. With it, feedback and datasets only as far as they belong to these, and nothing else. */
  readonly projects?: readonly string[] | undefined;
  /** Only runs that started, and feedback that was given, since. */
  readonly since?: Date | undefined;
  readonly now?: () => Date;
  readonly onProgress?: (what: string, done: number) => void;
}

/** What is the same on both sides, and what is not. */
export interface VerifyReport {
  readonly endpoint: string;
  readonly types: readonly ComparedType[];
  /** Everything that is there is here, with the same content. */
  readonly equal: boolean;
}

/** Fields that are compared: what somebody decided, not what a server adds. */
const FEEDBACK = [
  "key",
  "score",
  "value",
  "comment",
  "correction",
  "run_id",
  "extra",
  "feedback_group_id",
  "comparative_experiment_id",
];
const DATASET = ["name", "description", "metadata", "inputs_schema_definition", "outputs_schema_definition"];
const EXAMPLE = ["inputs", "outputs", "metadata", "source_run_id"];
const EARLIEST = "1970-01-01T00:00:01Z";

/**
 * Compares what a LangSmith has with what is here: counts and content hashes by type, project and dataset. Nothing is
 * written. What the source fails at is in the report; what it does not offer is left out.
 */
export async function verifyLangSmith(options: VerifyOptions): Promise<VerifyReport> {
  const check = new Check(options);
  const projects = await listProjects(options);
  for (const project of projects) await check.type("runs", project.name, (each) => check.runs(project, each));
  const chosen = options.projects !== undefined;
  const sessions = chosen ? projects.map(({ id }) => id) : undefined;
  await check.type("feedback", undefined, (each) => check.feedback(sessions, each));
  const datasets = new Set(projects.flatMap(({ data }) => textAt(data, "reference_dataset_id") ?? []));
  await check.datasets(chosen ? datasets : undefined);
  if (!chosen) await check.others();
  const { types } = check;
  const equal = types.every(
    ({ missingHere, differing, failed }) =>
      missingHere.count === 0 && differing.count === 0 && failed === undefined,
  );
  return { endpoint: options.source.endpoint.href, types, equal };
}

class Check {
  readonly types: ComparedType[] = [];
  readonly #options: VerifyOptions;
  readonly #pages: RunPages;

  constructor(options: VerifyOptions) {
    this.#options = options;
    this.#pages = new RunPages(options.source);
  }

  async type(
    type: string,
    of: string | undefined,
    compare: (to: Comparison) => Promise<void>,
  ): Promise<void> {
    const comparison = new Comparison();
    let failed: string | undefined;
    try {
      await compare(comparison);
    } catch (error) {
      if (!(error instanceof SourceError) || error.status === 401 || error.status === 403) throw error;
      if (error.notOffered) return;
      failed = errorMessage(error);
    }
    this.types.push(comparison.result(type, of, failed));
  }

  async runs(project: ListedProject, to: Comparison): Promise<void> {
    const { door, since, now = () => new Date(), onProgress } = this.#options;
    const window = { from: since?.toISOString() ?? EARLIEST, to: now().toISOString() };
    let at: RunPosition | undefined;
    let done = 0;
    do {
      const page = await this.#pages.page(project, { ...window, at });
      for (const { id, run } of page.runs) to.there(id, runHash(run));
      for (const { id, run } of await door.runsHere(page.runs)) to.here(id, runHash(run));
      done += page.runs.length;
      onProgress?.(project.name, done);
      at = page.next;
    } while (at !== undefined);
    const between = "start_time BETWEEN CAST($3 AS TIMESTAMP_NS) AND CAST($4 AS TIMESTAMP_NS)";
    const sql = `SELECT id FROM (SELECT run_id AS id FROM spans WHERE project = $2 AND ${between}) WHERE id > $1`;
    for await (const rows of rowsById(door, sql, [project.name, window.from, window.to])) {
      for (const { id } of rows) if (typeof id === "string" && !to.isThere(id)) to.here(id, "");
    }
  }

  async feedback(sessions: readonly string[] | undefined, to: Comparison): Promise<void> {
    const { source, door, since, onProgress } = this.#options;
    const ids: string[] = [];
    for (const session of sessions ?? [undefined]) {
      const query = {
        ...(session === undefined ? {} : { session }),
        ...(since === undefined ? {} : { min_created_at: since.toISOString() }),
      };
      for await (const page of listed(source, "/api/v1/feedback", query)) {
        for (const item of page) {
          const id = textAt(item, "id") ?? "";
          ids.push(id);
          to.there(id, hashOf(item, FEEDBACK));
        }
        onProgress?.("feedback", ids.length);
      }
    }
    for await (const rows of rowsById(door, "SELECT id, data FROM feedback WHERE id > $1")) {
      for (const row of rows) {
        const { id, data } = recordOf(row);
        // What is only here belongs to what was asked for when nothing was left out.
        const isAsked = to.isThere(id) || (sessions === undefined && since === undefined);
        if (isAsked) to.here(id, hashOf(data, FEEDBACK));
      }
    }
  }

  async datasets(only: ReadonlySet<string> | undefined): Promise<void> {
    const { source, door } = this.#options;
    const found: JsonObject[] = [];
    await this.type("datasets", undefined, async (to) => {
      for await (const page of listed(source, "/api/v1/datasets")) {
        found.push(...page.filter((item) => only === undefined || only.has(textAt(item, "id") ?? "")));
      }
      for (const item of found) to.there(textAt(item, "id") ?? "", hashOf(item, DATASET));
      for (const row of await door.rows("SELECT id, data FROM datasets", [])) {
        const { id, data } = recordOf(row);
        if (only === undefined || to.isThere(id)) to.here(id, hashOf(data, DATASET));
      }
    });
    for (const dataset of found) {
      const id = textAt(dataset, "id") ?? "";
      const name = textAt(dataset, "name");
      await this.type("dataset versions", name, (to) => this.#versions(id, to));
      await this.type("examples", name, (to) => this.#examples(id, to));
    }
  }

  /** Types that neither side has anything of are left out. */
  async others(): Promise<void> {
    for (const other of OTHER_TYPES) {
      await this.type(other.type, undefined, (to) =>
        compareOthers(this.#options, other, { to, hash: hashOf }),
      );
      const last = this.types.at(-1);
      const isEmpty = last?.there.count === 0 && last.here.count === 0 && last.failed === undefined;
      if (last?.type === other.type && isEmpty) this.types.pop();
    }
  }

  async #versions(id: string, to: Comparison): Promise<void> {
    const { source, door } = this.#options;
    for await (const page of listed(source, `/api/v1/datasets/${id}/versions`)) {
      for (const item of page) to.there(microsOf(textAt(item, "as_of")), "");
    }
    const rows = await door.rows(
      `SELECT DISTINCT strftime(time::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f') AS as_of FROM examples_history
WHERE id IN (SELECT id FROM examples_history WHERE dataset_id = $1)`,
      [id],
    );
    for (const { as_of: asOf } of rows) if (typeof asOf === "string") to.here(asOf, "");
  }

  async #examples(id: string, to: Comparison): Promise<void> {
    const { source, door } = this.#options;
    for await (const page of listed(source, "/api/v1/examples", { dataset: id })) {
      for (const item of page) {
        const files = Object.keys(objectIn(item["attachment_urls"]) ?? {});
        to.there(
          textAt(item, "id") ?? "",
          exampleHash(
            item,
            files.map((name) => name.replace(/^attachment\./, "")),
          ),
        );
      }
    }
    const sql = "SELECT id, data FROM examples WHERE id > $1 AND dataset_id = $2";
    for await (const rows of rowsById(door, sql, [id])) {
      for (const row of rows) {
        const { id: example, data } = recordOf(row);
        const list = Array.isArray(data["attachments"]) ? data["attachments"] : [];
        const files = list.flatMap((file) => textAt(objectIn(file), "name") ?? []);
        to.here(example, exampleHash(data, files));
      }
    }
  }
}

function exampleHash(data: JsonObject, files: readonly string[]): string {
  return contentHash([hashOf(data, EXAMPLE), [...files].sort()]);
}

/** The hash of some fields; a field without a value is as one that is not there. */
function hashOf(data: JsonObject, fields: readonly string[]): string {
  const chosen = fields.flatMap((field): [string, JsonValue][] => {
    const value = data[field];
    const isEmpty =
      value === undefined || value === null || (typeof value === "object" && Object.keys(value).length === 0);
    return isEmpty ? [] : [[field, value]];
  });
  return contentHash(Object.fromEntries(chosen));
}

function recordOf(row: Readonly<Record<string, unknown>>): { id: string; data: JsonObject } {
  const { id, data } = row;
  return {
    id: typeof id === "string" ? id : "",
    data: typeof data === "string" ? (JSON.parse(data) as JsonObject) : {},
  };
}

/** A version's time in the form of the mirror's query: UTC to the microsecond, without a zone. */
function microsOf(time: string | undefined): string {
  const match = /^(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:?\d{2})?$/i.exec(time ?? "");
  if (match === null) return time ?? "";
  const [, seconds = "", fraction = "", zone = "Z"] = match;
  const utc = new Date(`${seconds}${zone}`);
  return Number.isNaN(utc.getTime())
    ? (time ?? "")
    : `${utc.toISOString().slice(0, 19)}.${fraction.padEnd(6, "0").slice(0, 6)}`;
}
