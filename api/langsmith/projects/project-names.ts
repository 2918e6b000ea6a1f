import {
  Bindings,
  DEFAULT_PROJECT,
  type DeletedProject,
  formerNames,
  type ProjectRecord,
  type ProjectService,
} from "../../../loop/index.js";
import { nameUuid } from "../../../schema/index.js";
import type { MirrorReads } from "../../mirror-reads.js";

/** Namespace of the ids of projects that are known by name alone. */
const PROJECTS = "7c1f3f6e-5d4b-5e0a-9f43-2f0c1f6f7b11";

/** The id of a project that was not given another one: the same for the same name, on every server. */
export function projectId(name: string): string {
  return nameUuid(PROJECTS, name);
}

/**
 * Names and ids of projects: those written down, and those that runs name. What is written down by this process is told
 * by {@link note} and {@link noteDeleted}; the rest is read from the mirror once.
 */
export class ProjectNames {
  readonly #reads: MirrorReads;
  readonly #service: ProjectService;
  readonly #nameById = new Map<string, string>([[projectId(DEFAULT_PROJECT), DEFAULT_PROJECT]]);
  readonly #idByName = new Map<string, string>();
  /** Names that a project had, by its id: its older runs still have them. */
  readonly #formerById = new Map<string, readonly string[]>();
  #deleted: readonly DeletedProject[] = [];
  #loaded: Promise<void> | undefined;

  constructor(reads: MirrorReads, service: ProjectService) {
    this.#reads = reads;
    this.#service = service;
  }

  /** Makes sure that {@link idOf} and {@link shownSql} know what is written down. */
  load(): Promise<void> {
    this.#loaded ??= this.#read().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #read(): Promise<void> {
    const [projects, deleted] = await Promise.all([this.#service.list(), this.#service.deleted()]);
    for (const project of projects) this.note(project);
    this.#deleted = deleted;
  }

  /** A project was written down. */
  note({ id, name, data }: ProjectRecord): void {
    const before = this.#nameById.get(id);
    if (before !== undefined && before !== name) this.#idByName.delete(before);
    this.#nameById.set(id, name);
    this.#idByName.set(name, id);
    const former = formerNames(data);
    this.#formerById.set(id, former);
    for (const old of former) this.#idByName.set(old, id);
  }

  /** A project was deleted. */
  noteDeleted(deleted: DeletedProject): void {
    this.#deleted = [...this.#deleted, deleted];
    this.#nameById.delete(deleted.id);
    this.#formerById.delete(deleted.id);
    for (const name of deleted.names) this.#idByName.delete(name);
  }

  /** The id of a name; call {@link load} before. */
  idOf(name: string): string {
    return this.#idByName.get(name) ?? projectId(name);
  }

  /**
   * A condition over rows of `spans` or `traces` that leaves out what was in projects when they were deleted; call
   * {@link load} before. The mirror keeps it: who deletes in LangSmith's API hides from that API alone.
   */
  shownSql(alias: string, bindings: Bindings): string {
    if (this.#deleted.length === 0) return "true";
    const hidden = this.#deleted.map(
      ({ names, seq }) =>
        `(coalesce(${alias}.project, '${DEFAULT_PROJECT}') IN (${names.map((name) => bindings.bind(name)).join(", ")}) AND ${alias}.seq < ${seq})`,
    );
    return `NOT (${hidden.join(" OR ")})`;
  }

  /** SQL of the name that a project has now, over a column with the one that a run came with; call {@link load} before. */
  currentNameSql(column: string, bindings: Bindings): string {
    const renamed = [...this.#formerById].flatMap(([id, names]) =>
      names.map(
        (name) => `WHEN ${bindings.bind(name)} THEN ${bindings.bind(this.#nameById.get(id) ?? name)}`,
      ),
    );
    return renamed.length === 0 ? column : `CASE ${column} ${renamed.join(" ")} ELSE ${column} END`;
  }

  /** Every name that runs of these projects may have. */
  async namesOf(ids: readonly string[]): Promise<string[]> {
    const current = await this.resolve(ids);
    return [...current].flatMap(([id, name]) => [name, ...(this.#formerById.get(id) ?? [])]);
  }

  /** Names of those of these ids that are projects. Looks into the mirror for ids that are not known yet. */
  async resolve(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.load();
    const wanted = ids.map((id) => id.toLowerCase());
    if (wanted.some((id) => !this.#nameById.has(id))) {
      const bindings = new Bindings();
      const rows = await this.#reads.rows(
        `SELECT DISTINCT s.project FROM spans AS s WHERE s.project IS NOT NULL AND ${this.shownSql("s", bindings)}`,
        bindings.params,
      );
      for (const { project } of rows) {
        if (typeof project === "string" && !this.#idByName.has(project)) {
          this.#nameById.set(projectId(project), project);
        }
      }
    }
    return new Map(
      wanted.flatMap((id) => {
        const name = this.#nameById.get(id);
        return name === undefined ? [] : [[id, name] as const];
      }),
    );
  }
}
