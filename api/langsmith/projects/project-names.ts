import { DEFAULT_PROJECT, type ProjectRecord, type ProjectService } from "../../../loop/index.js";
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
 * by {@link note}; the rest is read from the mirror once.
 */
export class ProjectNames {
  readonly #reads: MirrorReads;
  readonly #service: ProjectService;
  readonly #nameById = new Map<string, string>([[projectId(DEFAULT_PROJECT), DEFAULT_PROJECT]]);
  readonly #idByName = new Map<string, string>();
  #loaded: Promise<void> | undefined;

  constructor(reads: MirrorReads, service: ProjectService) {
    this.#reads = reads;
    this.#service = service;
  }

  /** Makes sure that {@link idOf} knows what is written down. */
  load(): Promise<void> {
    this.#loaded ??= this.#service.list().then(
      (projects) => projects.forEach((project) => this.note(project)),
      (error: unknown) => {
        this.#loaded = undefined;
        throw error;
      },
    );
    return this.#loaded;
  }

  /** A project was written down. */
  note({ id, name }: ProjectRecord): void {
    this.#nameById.set(id, name);
    this.#idByName.set(name, id);
  }

  /** The id of a name; call {@link load} before. */
  idOf(name: string): string {
    return this.#idByName.get(name) ?? projectId(name);
  }

  /** Names of those of these ids that are projects. Looks into the mirror for ids that are not known yet. */
  async resolve(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    await this.load();
    const wanted = ids.map((id) => id.toLowerCase());
    if (wanted.some((id) => !this.#nameById.has(id))) {
      const rows = await this.#reads.rows("SELECT DISTINCT project FROM spans WHERE project IS NOT NULL");
      for (const { project } of rows) {
        if (typeof project === "string") this.#nameById.set(projectId(project), project);
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
