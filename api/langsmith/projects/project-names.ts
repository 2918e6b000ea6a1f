import { nameUuid } from "../../../schema/index.js";
import type { MirrorReads } from "../../mirror-reads.js";
import { DEFAULT_PROJECT } from "../filter/fields.js";

/** Namespace of the ids of projects that are known by name alone. */
const PROJECTS = "7c1f3f6e-5d4b-5e0a-9f43-2f0c1f6f7b11";

/** The id of a project that nobody created by the API: the same for the same name, on every server. */
export function projectId(name: string): string {
  return nameUuid(PROJECTS, name);
}

/** Names of projects by id. */
export class ProjectNames {
  readonly #reads: MirrorReads;
  readonly #byId = new Map<string, string>([[projectId(DEFAULT_PROJECT), DEFAULT_PROJECT]]);

  constructor(reads: MirrorReads) {
    this.#reads = reads;
  }

  /** Those of these ids that are projects. Looks into the mirror for ids that are not known yet. */
  async resolve(ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const wanted = ids.map((id) => id.toLowerCase());
    if (wanted.some((id) => !this.#byId.has(id))) {
      for (const { project } of await this.#reads.rows(
        "SELECT DISTINCT project FROM spans WHERE project IS NOT NULL",
      )) {
        if (typeof project === "string") this.#byId.set(projectId(project), project);
      }
    }
    return new Map(
      wanted.flatMap((id) => {
        const name = this.#byId.get(id);
        return name === undefined ? [] : [[id, name] as const];
      }),
    );
  }
}
