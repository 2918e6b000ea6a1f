import {
  type ChangeRecord,
  type JsonObject,
  type JsonValue,
  readCommitMark,
  writeRunJson,
} from "../../../schema/index.js";
import { textIn } from "../../records/text-in.js";
import { fieldsOf, type ImportRun, objectsIn, paged, storeRecords, textAt } from "./import-run.js";
import { objectIn } from "./run-shape.js";
import { SourceError } from "./source.js";

const PROMPTS = "prompts";
const COMMITS = "prompt commits";
/** What each server counts or names for itself. */
const DERIVED = new Set([
  "id",
  "tenant_id",
  "full_name",
  "owner",
  "updated_at",
  "num_likes",
  "num_downloads",
  "num_views",
  "num_commits",
  "liked_by_auth_user",
  "last_commit_hash",
  "latest_commit_manifest",
  "last_used_at",
  "upstream_repo_id",
  "upstream_repo_full_name",
  "original_repo_id",
  "original_repo_full_name",
  "commit_tags",
]);

/** Imports the workspace's own prompts, every commit of them, and the tags that name commits. */
export async function importPrompts(run: ImportRun): Promise<void> {
  for await (const page of paged(run, "/api/v1/repos", "repos", { is_public: "false" })) {
    for (const prompt of page) {
      try {
        await importPrompt(run, prompt);
      } catch (error) {
        // Deleted there since it was listed: no reason to leave out the others.
        if (!(error instanceof SourceError) || error.status !== 404) throw error;
      }
    }
  }
}

async function importPrompt(run: ImportRun, prompt: JsonObject): Promise<void> {
  const [id, handle] = [textAt(prompt, "id"), textAt(prompt, "repo_handle")];
  if (id === undefined || handle === undefined) return;
  // The own workspace is `-`, whatever its handle.
  const name = `-/${encodeURIComponent(handle)}`;
  const commits: JsonObject[] = [];
  for await (const page of paged(run, `/api/v1/commits/${name}`, "commits", {})) commits.push(...page);
  const own = await ownPrompt(run, id, handle);
  if (own === undefined && (await wasDeletedHere(run, handle, commits))) {
    run.tally.found(PROMPTS);
    run.tally.unchanged(PROMPTS);
    return;
  }
  await storeCommits(run, { id: own ?? id, name, handle }, commits);
  // A prompt that was pushed there has another id; what is said of it here is its own.
  if (own !== undefined) {
    run.tally.found(PROMPTS);
    run.tally.unchanged(PROMPTS);
    return;
  }
  const tags = objectsIn(await run.source.get(`/api/v1/repos/${name}/tags`));
  const commitTags = Object.fromEntries(
    tags.flatMap((tag): [string, JsonValue][] => {
      const [tagName, commit] = [textAt(tag, "tag_name"), textAt(tag, "commit_id")];
      return tagName === undefined || commit === undefined ? [] : [[tagName, commit]];
    }),
  );
  const time = textAt(prompt, "updated_at") ?? run.now().toISOString();
  const data = { ...fieldsOf(prompt, DERIVED), commit_tags: commitTags };
  await storeRecords(run, PROMPTS, [{ type: "prompt", id, op: "put", time, source: "import", data }]);
}

/** The id of the prompt here that has this name, where it is another one: LangSmith gives prompts ids of its own. */
async function ownPrompt(run: ImportRun, id: string, handle: string): Promise<string | undefined> {
  const rows = await run.door.rows("SELECT id FROM prompts WHERE repo_handle = $1", [handle]);
  const ids = rows.flatMap((row) => (typeof row["id"] === "string" ? [row["id"]] : []));
  return ids.includes(id) ? undefined : ids[0];
}

/** Whether these commits were pushed from here, out of a prompt that was deleted here since: it does not come back. */
async function wasDeletedHere(
  run: ImportRun,
  handle: string,
  commits: readonly JsonObject[],
): Promise<boolean> {
  const marks = commits.flatMap((commit) => readCommitMark(textAt(commit, "description")).mark ?? []);
  if (marks.length === 0) return false;
  const rows = await run.door.rows(
    "SELECT DISTINCT commit_hash FROM prompt_commits_history WHERE prompt_id IN (SELECT id FROM prompts_history WHERE repo_handle = $1)",
    [handle],
  );
  return rows.some((row) => marks.some((mark) => textIn(row, "commit_hash").startsWith(mark)));
}

interface ImportedPrompt {
  /** Here. */
  readonly id: string;
  /** As a path. */
  readonly name: string;
  readonly handle: string;
}

/**
 * Oldest first, as each names the one before it. What is here of them needs not be read: a commit never changes. Those that
 * were pushed from here are known by their mark.
 */
async function storeCommits(
  run: ImportRun,
  prompt: ImportedPrompt,
  commits: readonly JsonObject[],
): Promise<void> {
  const rows = await run.door.rows(
    "SELECT DISTINCT id, commit_hash FROM prompt_commits_history WHERE prompt_id = $1",
    [prompt.id],
  );
  /** Ids here by ids there. */
  const here = new Map<string, string>();
  for (const commit of commits) {
    const id = textAt(commit, "id") ?? "";
    const { mark } = readCommitMark(textAt(commit, "description"));
    const known = rows.find(
      (row) => row["id"] === id || (mark !== undefined && textIn(row, "commit_hash").startsWith(mark)),
    );
    if (known !== undefined) here.set(id, textIn(known, "id"));
  }
  const missing = commits.filter((commit) => !here.has(textAt(commit, "id") ?? ""));
  run.tally.found(COMMITS, commits.length - missing.length);
  run.tally.unchanged(COMMITS, commits.length - missing.length);
  const changes: ChangeRecord[] = [];
  for (const commit of [...missing].reverse()) {
    const [id, hash] = [textAt(commit, "id"), textAt(commit, "commit_hash")];
    if (id === undefined || hash === undefined) continue;
    const whole = objectIn(await run.source.getExact(`/api/v1/commits/${prompt.name}/${hash}`));
    const time = textAt(commit, "created_at") ?? run.now().toISOString();
    const parent = textAt(commit, "parent_id");
    const kept = ["parent_commit_hash", "description", "created_at"];
    const data: JsonObject = {
      prompt_id: prompt.id,
      repo_handle: prompt.handle,
      commit_hash: hash,
      manifest: writeRunJson(whole?.["manifest"] ?? {}),
      ...(parent === undefined ? {} : { parent_id: here.get(parent) ?? parent }),
      ...Object.fromEntries(
        kept.flatMap((field) => {
          const value = commit[field];
          return value === undefined || value === null ? [] : [[field, value]];
        }),
      ),
    };
    changes.push({ type: "prompt_commit", id, op: "put", time, source: "import", data });
  }
  await storeRecords(run, COMMITS, changes);
}
