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

/** A project that was deleted: what is in it now came later. */
export interface DeletedProject {
  readonly id: string;
  /** Every name that it had. */
  readonly names: readonly string[];
  /** Journal position of the deletion: runs before it were in the project. */
  readonly seq: number;
}

/** Names that a project had before it was renamed. Its older runs still have them. */
export function formerNames(data: JsonObject): string[] {
  const names = data["former_names"];
  return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
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

  /** Whether a project has this name, or had it before. */
  async isTaken(name: string): Promise<boolean> {
    return (await this.list()).some((project) => namesOf(project).includes(name));
  }

  /**
   * Writes a project down. Throws CF_CONFLICT when another one has its name or id, unless `upsert`: then the one of that
   * name is changed; and CF_RECORD_INVALID.
   */
  create(project: ProjectRecord, { upsert }: { readonly upsert: boolean }): Promise<ProjectRecord> {
    return this.#turns.run(async () => {
      const all = await this.list();
      const there = all.find((each) => each.id === project.id || namesOf(each).includes(project.name));
      if (there === undefined) return this.#put(project);
      if (upsert) return this.#put({ ...there, data: { ...there.data, ...present(project.data) } });
      throw taken(project.name);
    });
  }

  /**
   * Changes the fields that are given and not null of a project, which is written down first if it was not. Another
   * `name` renames it: the old one stays its own. Throws CF_CONFLICT when the new name is another project's.
   */
  update(project: ProjectRecord, change: JsonObject): Promise<ProjectRecord> {
    return this.#turns.run(async () => {
      const all = await this.list();
      const there = all.find(({ id }) => id === project.id) ?? project;
      const { name = there.name, ...fields } = present(change);
      const data = { ...there.data, ...fields };
      if (typeof name !== "string" || name === there.name) return this.#put({ ...there, data });
      const other = all.find((each) => each.id !== there.id && namesOf(each).includes(name));
      if (other !== undefined) throw taken(name);
      const former = [...formerNames(there.data), there.name].filter((old) => old !== name);
      return this.#put({ id: there.id, name, data: { ...data, former_names: former } });
    });
  }

  /** Deletes a project, which is written down first if it was not. What comes later under its name is a new one. */
  delete(project: ProjectRecord): Promise<DeletedProject> {
    return this.#turns.run(async () => {
      const { id, name, data } = (await this.list()).find((each) => each.id === project.id) ?? project;
      const { seq } = await this.#writer.append([
        { type: "project", id, op: "put", data: { ...data, name } },
        { type: "project", id, op: "delete", data: null },
      ]);
      return { id, names: namesOf({ id, name, data }), seq };
    });
  }

  /** Projects that were deleted, also those of which one with the same id came later. */
  async deleted(): Promise<DeletedProject[]> {
    const rows = await this.#rows(
      `SELECT d.id, max(d.seq) AS seq, list(DISTINCT p.data) AS states
FROM projects_history AS d JOIN projects_history AS p ON p.id = d.id AND p.op = 'put' AND p.seq <= d.seq
WHERE d.op = 'delete' GROUP BY d.id`,
      [],
    );
    return rows.map((row) => {
      const states = (Array.isArray(row["states"]) ? row["states"] : []) as readonly unknown[];
      const names = states.flatMap((state) => {
        const data = (typeof state === "string" ? JSON.parse(state) : state) as JsonObject;
        return [...(typeof data["name"] === "string" ? [data["name"]] : []), ...formerNames(data)];
      });
      return {
        id: typeof row["id"] === "string" ? row["id"] : "",
        names: [...new Set(names)],
        seq: Number(row["seq"]),
      };
    });
  }

  async #put({ id, name, data }: ProjectRecord): Promise<ProjectRecord> {
    const whole = { ...data, name };
    await this.#writer.append([{ type: "project", id, op: "put", data: whole }]);
    return { id, name, data: whole };
  }
}

function namesOf({ name, data }: ProjectRecord): string[] {
  return [name, ...formerNames(data)];
}

function taken(name: string): CounterfoilError {
  return new CounterfoilError("CF_CONFLICT", `A project named ${name} already exists.`);
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
