import type { JsonObject } from "../../../schema/index.js";
import { objectIn, runOfV1, runOfV2, type SourceRun, V2_SELECTS } from "./run-shape.js";
import { type LangSmithSource, SourceError } from "./source.js";

/** Which runs of one project, and where to go on. */
export interface RunWindow {
  /** RFC 3339; starts at or after, and at or before. */
  readonly from: string;
  readonly to: string;
  readonly at?: RunPosition | undefined;
}

/** Where a listing stands: what was stored of it needs not be read again. */
export interface RunPosition {
  readonly api: "v1" | "v2";
  readonly cursor?: string | undefined;
  /** Version 1: the slice that the cursor belongs to begins here. */
  readonly slice?: string;
}

/** A page, and the position behind it; without one it was the last. */
export interface RunPage {
  readonly runs: readonly SourceRun[];
  readonly next: RunPosition | undefined;
}

/** A project of the source. */
export interface SourceProject {
  readonly id: string;
  readonly name: string;
  /** When it began, as far as the server knows; its runs may be older. */
  readonly startTime?: string | undefined;
}

const V2_PAGE = 1_000;
const V1_PAGE = 100;
/** Version 1 slows down queries over more than seven days. */
const DAY_MS = 86_400_000;
const SLICE_MS = 7 * DAY_MS;
/** Before this, and before the project began, there is one slice: few runs are so old, but times can be wrong. */
const FIRST_SLICE_ENDS = Date.parse("2023-01-01T00:00:00Z");

/** Lists runs by version 2 of the API where the server has it, else by version 1. */
export class RunPages {
  readonly #source: LangSmithSource;
  #v2: boolean | undefined;

  constructor(source: LangSmithSource) {
    this.#source = source;
  }

  /** Which version answers: known after the first page. */
  get version(): "v1" | "v2" | undefined {
    return this.#v2 === undefined ? undefined : this.#v2 ? "v2" : "v1";
  }

  /** The page at a window's position. A cursor that the server does not take any more begins the window anew. */
  async page(project: SourceProject, window: RunWindow): Promise<RunPage> {
    try {
      return await this.#page(project, window);
    } catch (error) {
      if (window.at?.cursor === undefined || !isRefused(error)) throw error;
      return this.#page(project, { ...window, at: undefined });
    }
  }

  /** Those of these runs that are there. */
  async byId(project: SourceProject, ids: readonly string[]): Promise<SourceRun[]> {
    if (this.#v2 !== false) {
      const body = { project_ids: [project.id], ids, selects: V2_SELECTS, page_size: V2_PAGE };
      const answer = await this.#orOlder(() => this.#source.queryRuns("/api/v2/runs/query", body));
      if (answer !== undefined) return runsIn(answer, "items", (item) => runOfV2(item, project.name));
    }
    const answer = await this.#source.queryRuns("/api/v1/runs/query", {
      session: [project.id],
      id: ids,
      limit: V1_PAGE,
    });
    return runsIn(answer, "runs", (item) => runOfV1(item, project.name));
  }

  async #page(project: SourceProject, window: RunWindow): Promise<RunPage> {
    const at = window.at;
    if (this.#v2 !== false && at?.api !== "v1") {
      const body = {
        project_ids: [project.id],
        min_start_time: window.from,
        max_start_time: window.to,
        selects: V2_SELECTS,
        page_size: V2_PAGE,
        ...(at?.cursor === undefined ? {} : { cursor: at.cursor }),
      };
      const answer = await this.#orOlder(() => this.#source.queryRuns("/api/v2/runs/query", body));
      if (answer !== undefined) {
        const cursor = textIn(answer, "next_cursor");
        return {
          runs: runsIn(answer, "items", (item) => runOfV2(item, project.name)),
          next: cursor === undefined ? undefined : { api: "v2", cursor },
        };
      }
    }
    return this.#pageV1(project, window);
  }

  async #pageV1(project: SourceProject, window: RunWindow): Promise<RunPage> {
    const at = window.at?.api === "v1" ? window.at : undefined;
    const from = at?.slice ?? window.from;
    const until = sliceEnd(from, window.to, project.startTime);
    const body = {
      session: [project.id],
      filter: `and(gte(start_time, ${JSON.stringify(from)}), lte(start_time, ${JSON.stringify(until)}))`,
      start_time: from,
      order: "asc",
      limit: V1_PAGE,
      ...(at?.cursor === undefined ? {} : { cursor: at.cursor }),
    };
    const answer = await this.#source.queryRuns("/api/v1/runs/query", body);
    const cursor = textIn(objectIn(answer)?.["cursors"], "next");
    const next: RunPosition | undefined =
      cursor !== undefined
        ? { api: "v1", cursor, slice: from }
        : until === window.to
          ? undefined
          : { api: "v1", slice: until };
    return { runs: runsIn(answer, "runs", (item) => runOfV1(item, project.name)), next };
  }

  /** The answer of version 2; undefined when the server has none. */
  async #orOlder(ask: () => Promise<unknown>): Promise<unknown> {
    try {
      const answer = await ask();
      this.#v2 = true;
      return answer;
    } catch (error) {
      // Once it answered, a 404 means something else.
      if (this.#v2 === true || !(error instanceof SourceError) || !error.notOffered) throw error;
      this.#v2 = false;
      return undefined;
    }
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof SourceError && (error.status === 400 || error.status === 422);
}

function sliceEnd(from: string, to: string, projectStart: string | undefined): string {
  const start = Date.parse(from);
  const began = Date.parse(projectStart ?? "");
  const first = Number.isNaN(began) ? FIRST_SLICE_ENDS : Math.max(FIRST_SLICE_ENDS, began - DAY_MS);
  const end = start < first ? first : start + SLICE_MS;
  return end >= Date.parse(to) ? to : new Date(end).toISOString();
}

function runsIn(
  answer: unknown,
  field: string,
  runOf: (item: JsonObject) => SourceRun | undefined,
): SourceRun[] {
  const list = objectIn(answer)?.[field];
  return (Array.isArray(list) ? list : []).flatMap((item) => runOf(objectIn(item) ?? {}) ?? []);
}

function textIn(value: unknown, field: string): string | undefined {
  const text = objectIn(value)?.[field];
  return typeof text === "string" && text !== "" ? text : undefined;
}
