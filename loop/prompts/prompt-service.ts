import { createHash, randomUUID } from "node:crypto";
import {
  CounterfoilError,
  type JsonObject,
  PROMPT_COMMITS,
  PROMPTS,
  readCommitMark,
} from "../../schema/index.js";
import type { ReaderRow, RecordWriter } from "../../store/index.js";
import type { Rows } from "../feedback/feedback-query.js";
import { InTurn } from "../records/in-turn.js";
import { timeText } from "../records/version-clock.js";
import { removeWhole } from "../records/remove-whole.js";
import { textIn } from "../records/text-in.js";

/** Names the newest commit; it moves by itself. */
const LATEST = "latest";
/** Fewest digits of a commit hash that name it. */
const HASH_DIGITS_MIN = 7;

/** A prompt, current state. */
export interface Prompt {
  readonly id: string;
  readonly name: string;
  /** As in the record type `prompt`. */
  readonly data: JsonObject;
  /** RFC 3339 of its last change or commit. */
  readonly updatedAt: string;
  readonly commits: number;
  readonly lastCommitHash: string | undefined;
}

/** A version of a prompt. */
export interface Commit {
  readonly id: string;
  readonly hash: string;
  /** As in the record type `prompt_commit`. */
  readonly data: JsonObject;
}

/** What a commit is made of. */
export interface CommitDraft {
  /** JSON text. */
  readonly manifest: string;
  /** A commit, tag or hash; by default the newest commit. */
  readonly parent?: string;
  readonly description?: string;
}

/** What {@link PromptService} works with. */
export interface PromptPorts {
  readonly writer: RecordWriter;
  /** Must see everything that was acknowledged before the call. */
  readonly rows: Rows;
  readonly now?: () => Date;
}

/**
 * Prompts and their commits as records (invariant I5). Throws CF_NOT_FOUND for what is not there, CF_CONFLICT for a name
 * that is taken and for a commit that changes nothing, and CF_RECORD_INVALID.
 */
export class PromptService {
  readonly #writer: RecordWriter;
  readonly #rows: Rows;
  readonly #now: () => Date;
  readonly #turns = new InTurn();

  constructor({ writer, rows, now = () => new Date() }: PromptPorts) {
    this.#writer = writer;
    this.#rows = rows;
    this.#now = now;
  }

  /** All of them, or the one with this name. */
  async list(name?: string): Promise<Prompt[]> {
    const rows = await this.#rows(
      `SELECT p.id, p.repo_handle, p.data,
  strftime(greatest(p.time, coalesce(c.newest, p.time))::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f+00:00') AS updated_at,
  coalesce(c.commits, 0)::INTEGER AS commits, c.last_hash
FROM prompts AS p LEFT JOIN (
  SELECT prompt_id, count(*) AS commits, max(time) AS newest, arg_max(commit_hash, {'s': seq, 'i': seq_index}) AS last_hash
  FROM prompt_commits GROUP BY prompt_id
) AS c ON c.prompt_id = p.id ${name === undefined ? "" : "WHERE p.repo_handle = $1"} ORDER BY updated_at DESC, p.id`,
      name === undefined ? [] : [name],
    );
    return rows.map((row) => ({
      id: textIn(row, "id"),
      name: textIn(row, "repo_handle"),
      data: dataOf(row),
      updatedAt: textIn(row, "updated_at"),
      commits: Number(row["commits"]),
      lastCommitHash: typeof row["last_hash"] === "string" ? row["last_hash"] : undefined,
    }));
  }

  async get(name: string): Promise<Prompt> {
    const [found] = await this.list(name);
    if (found === undefined) throw missing(`Prompt ${name}`);
    return found;
  }

  create(name: string, data: JsonObject): Promise<Prompt> {
    return this.#turns.run(async () => {
      if ((await this.list(name)).length > 0) {
        throw new CounterfoilError("CF_CONFLICT", `A prompt named ${name} already exists.`);
      }
      const [id, time] = [randomUUID(), this.#now().toISOString()];
      const whole = { ...data, repo_handle: name, created_at: time };
      await this.#writer.append([{ type: PROMPTS.type, id, op: "put", data: whole, time }]);
      // Not read back: what waits for the mirror may fail, and who then creates again is told that the name is taken.
      return { id, name, data: whole, updatedAt: timeText(time), commits: 0, lastCommitHash: undefined };
    });
  }

  /** Changes the given fields. */
  update(name: string, change: JsonObject): Promise<Prompt> {
    return this.#turns.run(async () => {
      await this.#put(await this.get(name), change);
      return this.get(name);
    });
  }

  /** Its commits go with it; above RECORD_CHANGES_MAX in several changes, the prompt in the last. */
  remove(name: string): Promise<void> {
    return this.#turns.run(async () => {
      const { id, data } = await this.get(name);
      await removeWhole(
        { rows: this.#rows, writer: this.#writer },
        {
          whole: { type: PROMPTS.type, id },
          partType: PROMPT_COMMITS.type,
          partIdsSql: "SELECT id FROM prompt_commits WHERE prompt_id = $1",
          params: [id],
          // A destination knows it by its name.
          last: { ...data, deleted_at: this.#now().toISOString() },
        },
      );
    });
  }

  /** Newest first; all of them, or a page. */
  async commits(
    name: string,
    page: { readonly limit?: number; readonly offset?: number } = {},
  ): Promise<Commit[]> {
    const { id } = await this.get(name);
    return this.#commitsOf(id, page);
  }

  /** A commit by its hash (or the first digits of it), its id, a tag, or `latest`. */
  async commit(name: string, wanted: string): Promise<Commit> {
    const prompt = await this.get(name);
    return this.#find(prompt, wanted);
  }

  push(name: string, draft: CommitDraft): Promise<Commit> {
    return this.#turns.run(async () => {
      const prompt = await this.get(name);
      const parent =
        draft.parent !== undefined
          ? await this.#find(prompt, draft.parent)
          : (await this.#commitsOf(prompt.id, { limit: 1 }))[0];
      if (parent?.data["manifest"] === draft.manifest) {
        throw new CounterfoilError(
          "CF_CONFLICT",
          `Nothing to commit: prompt has not changed since latest commit (${parent.hash}).`,
        );
      }
      const hash = commitHash(draft.manifest, parent?.hash);
      // Another Counterfoil that pushes a commit marks it with the hash that it has there: here it is the same.
      const { description, mark } = readCommitMark(draft.description);
      const said = mark !== undefined && hash.startsWith(mark) ? description : draft.description;
      const data = {
        prompt_id: prompt.id,
        repo_handle: name,
        ...(prompt.data["repo_type"] === undefined ? {} : { repo_type: prompt.data["repo_type"] }),
        commit_hash: hash,
        manifest: draft.manifest,
        created_at: this.#now().toISOString(),
        ...(parent === undefined ? {} : { parent_id: parent.id, parent_commit_hash: parent.hash }),
        ...(said === undefined ? {} : { description: said }),
      };
      const id = randomUUID();
      await this.#writer.append([{ type: PROMPT_COMMITS.type, id, op: "put", data }]);
      return { id, hash, data };
    });
  }

  /** Gives a commit a tag; the tag leaves the commit that had it. */
  tag(name: string, tag: string, commit: string): Promise<Commit> {
    return this.#turns.run(async () => {
      if (tag === LATEST) throw new CounterfoilError("CF_USAGE", "The tag latest moves by itself.");
      if (/^\.*$/.test(tag))
        throw new CounterfoilError("CF_USAGE", "A tag of dots names nothing in an address.");
      const prompt = await this.get(name);
      const found = await this.#find(prompt, commit);
      await this.#put(prompt, {
        commit_tags: { ...tagsOf(prompt), [tag]: found.id },
        tag_hashes: { ...hashesOf(prompt), [tag]: found.hash },
      });
      return found;
    });
  }

  untag(name: string, tag: string): Promise<void> {
    return this.#turns.run(async () => {
      const prompt = await this.get(name);
      if (taggedBy(prompt, tag) === undefined) throw missing(`Tag ${tag} of prompt ${name}`);
      const { [tag]: _commit, ...others } = tagsOf(prompt);
      await this.#put(prompt, { commit_tags: others, tag_hashes: { ...hashesOf(prompt), [tag]: null } });
    });
  }

  async #put({ id, data }: Prompt, change: JsonObject): Promise<void> {
    await this.#writer.append([{ type: PROMPTS.type, id, op: "put", data: { ...data, ...change } }]);
  }

  /** Newest first. Manifests are long: only those that are asked for are read. */
  async #commitsOf(
    promptId: string,
    which: {
      readonly limit?: number;
      readonly offset?: number;
      readonly id?: string;
      readonly hashFrom?: string;
    } = {},
  ): Promise<Commit[]> {
    const { limit, offset, id, hashFrom } = which;
    const params = [promptId];
    const bind = (value: string): string => `$${params.push(value)}`;
    const conditions = [
      "prompt_id = $1",
      ...(id === undefined ? [] : [`id = ${bind(id)}`]),
      ...(hashFrom === undefined ? [] : [`starts_with(commit_hash, ${bind(hashFrom)})`]),
    ];
    const rows = await this.#rows(
      `SELECT id, commit_hash, data FROM prompt_commits WHERE ${conditions.join(" AND ")}
ORDER BY seq DESC, seq_index DESC${limit === undefined ? "" : ` LIMIT ${limit}`}${offset === undefined ? "" : ` OFFSET ${offset}`}`,
      params,
    );
    return rows.map((row) => ({
      id: textIn(row, "id"),
      hash: textIn(row, "commit_hash"),
      data: dataOf(row),
    }));
  }

  async #find(prompt: Prompt, wanted: string): Promise<Commit> {
    const id = taggedBy(prompt, wanted) ?? wanted.toLowerCase();
    const [found] = await this.#commitsOf(prompt.id, wanted === LATEST ? { limit: 1 } : { limit: 1, id });
    const commit = found ?? (await this.#byHash(prompt.id, wanted.toLowerCase()));
    if (commit === undefined) throw missing(`Commit ${wanted} of prompt ${prompt.name}`);
    return commit;
  }

  /** A hash twice means: something was pushed, changed and changed back over the same parent; the newest counts. */
  async #byHash(promptId: string, hash: string): Promise<Commit | undefined> {
    if (hash.length < HASH_DIGITS_MIN) return undefined;
    const found = await this.#commitsOf(promptId, { hashFrom: hash });
    return new Set(found.map((commit) => commit.hash)).size === 1 ? found[0] : undefined;
  }
}

/** SHA-256 of what a commit says and of the commit before it: the same history has the same hashes everywhere. */
function commitHash(manifest: string, parent: string | undefined): string {
  return createHash("sha256")
    .update(`${parent ?? ""}\n${manifest}`, "utf8")
    .digest("hex");
}

function tagsOf({ data }: Prompt): Readonly<Record<string, string>> {
  return (data["commit_tags"] ?? {}) as Record<string, string>;
}

/** The commit of a tag: one may be called as something that every object has. */
function taggedBy(prompt: Prompt, tag: string): string | undefined {
  const tags = tagsOf(prompt);
  return Object.hasOwn(tags, tag) ? tags[tag] : undefined;
}

function hashesOf({ data }: Prompt): JsonObject {
  return (data["tag_hashes"] ?? {}) as JsonObject;
}

function missing(what: string): CounterfoilError {
  return new CounterfoilError("CF_NOT_FOUND", `${what} not found`);
}

function dataOf(row: ReaderRow): JsonObject {
  return JSON.parse(textIn(row, "data")) as JsonObject;
}
