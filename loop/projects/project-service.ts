import { CounterfoilError, type JsonObject, type JsonValue } from "../../schema/index.js";
import type { ReaderRow, RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { InTurn } from "../records/in-turn.js";

/** What was written down about a project. */
export interface ProjectRecord {
  readonly id: string;
  readonly name: string;
  /** As in the record type `project`. */
  readonly data: JsonObject;
}

/** What {@link ProjectService} works with. */
export interface ProjectPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
}

/** Projects as records. A project that only runs name has none, and needs none. */
export class ProjectService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #turns = new InTurn();

  constructor({ writer, rows }: ProjectPorts) {
    this.#writer = writer;
    this.#rows = rows;
  }

  async list(): Promise<ProjectRecord[]> {
    return (await this.#rows("SELECT id, name, data FROM projects", [])).map(projectOf);
  }

  /**
   * Writes a project down. Throws CF_CONFLICT when another one has its name or id, unless `upsert`: then the one of that
   * name is changed; and CF_RECORD_INVALID.
   */
  create(project: ProjectRecord, { upsert }: { readonly upsert: boolean }): Promise<ProjectRecord> {
    return this.#turns.run(async () => {
      const all = await this.list();
      const there = all.find(({ id, name }) => id === project.id || name === project.name);
      if (there === undefined) return this.#put(project);
      if (upsert) return this.#put({ ...there, data: { ...there.data, ...present(project.data) } });
      throw new CounterfoilError("CF_CONFLICT", `A project named ${project.name} already exists.`);
    });
  }

  /** Changes the fields that are given and not null of a project, which is written down first if it was not. */
  update(project: ProjectRecord, change: JsonObject): Promise<ProjectRecord> {
    return this.#turns.run(async () => {
      const there = (await this.list()).find(({ id }) => id === project.id) ?? project;
      return this.#put({ ...there, data: { ...there.data, ...present(change) } });
    });
  }

  async #put({ id, name, data }: ProjectRecord): Promise<ProjectRecord> {
    const whole = { ...data, name };
    await this.#writer.append([{ type: "project", id, op: "put", data: whole }]);
    return { id, name, data: whole };
  }
}

function present(data: JsonObject): JsonObject {
  const entries: [string, JsonValue][] = Object.entries(data).filter(([, value]) => value !== null);
  return Object.fromEntries(entries);
}

function projectOf(row: ReaderRow): ProjectRecord {
  const { id, name, data } = row;
  return {
    id: typeof id === "string" ? id : "",
    name: typeof name === "string" ? name : "",
    data: typeof data === "string" ? (JSON.parse(data) as JsonObject) : {},
  };
}
