import type { Commit, Prompt, PromptService } from "../../../loop/index.js";
import {
  type JsonObject,
  nameUuid,
  objectOf,
  parseRunJson,
  type RunFields,
  type RunRecord,
  writeRunJson,
} from "../../../schema/index.js";
import { objectBody, parseRunBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { pageLimits, pageOf } from "../paging.js";
import { badField, json, notFound, runsJson } from "../replies.js";
import { TENANT_ID } from "../tenant.js";

/** How clients name the owner of what is their own; there is no other owner here. */
const OWN = "-";
const FIELDS = ["description", "readme", "tags", "is_public", "is_archived"];
const SORT_FIELDS = ["updated_at", "num_likes", "num_downloads", "num_views"];
/** What a repo may be; one that does not say is a prompt. */
const PROMPT = "prompt";
const REPO_TYPES = [PROMPT, "agent", "skill"];
/** Names as LangSmith allows them: they are a segment of an address. */
const HANDLE = /^[a-zA-Z0-9][\w.-]*$/;

/** Routes of prompts (LangSmith: repos), their commits, tags and likes. */
export function promptHandlers(service: PromptService): Readonly<Record<string, Handler>> {
  return {
    listPrompts: async ({ request }) => {
      const { query } = request;
      const found = (await service.list()).filter((prompt) => matches(prompt, query));
      found.sort(orderOf(query));
      return json(200, { repos: pageOf(query, found).map(promptView), total: found.length });
    },
    createPrompt: async ({ request }) => {
      const body = objectBody(request.body);
      const { repo_handle: name } = body;
      if (typeof name !== "string" || !HANDLE.test(name))
        throw badField(["body", "repo_handle"], "must be letters, digits, dots, hyphens and underscores");
      const { repo_type: type = PROMPT } = body;
      if (typeof type !== "string" || !REPO_TYPES.includes(type))
        throw badField(["body", "repo_type"], `must be one of ${REPO_TYPES.join(", ")}`);
      const data = { ...fieldsOf(body), ...(type === PROMPT ? {} : { repo_type: type }) };
      return json(200, { repo: promptView(await service.create(name, data)) });
    },
    readPrompt: async (call) => json(200, { repo: promptView(await service.get(promptName(call))) }),
    updatePrompt: async (call) => {
      const change = fieldsOf(objectBody(call.request.body));
      return json(200, { repo: promptView(await service.update(promptName(call), change)) });
    },
    deletePrompt: async (call) => {
      await service.remove(promptName(call));
      return json(200, { message: "Prompt deleted" });
    },
    likePrompt: async (call) => {
      const { like } = objectBody(call.request.body);
      if (typeof like !== "boolean") throw badField(["body", "like"], "must be true or false");
      const { data } = await service.update(promptName(call), { liked: like });
      return json(200, { likes: data["liked"] === true ? 1 : 0 });
    },
    ...tagHandlers(service),
    ...commitHandlers(service),
  };
}

function tagHandlers(service: PromptService): Readonly<Record<string, Handler>> {
  const tagged = async (call: Call, tag: unknown, commit: unknown) => {
    if (typeof tag !== "string" || tag === "") throw badField(["body", "tag_name"], "is required");
    if (typeof commit !== "string" || commit === "") throw badField(["body", "commit_id"], "is required");
    const prompt = await service.get(promptName(call));
    return tagView(prompt, tag, await service.tag(promptName(call), tag, commit));
  };
  return {
    listPromptTags: async (call) => {
      const prompt = await service.get(promptName(call));
      const tags = Object.entries((prompt.data["commit_tags"] ?? {}) as Record<string, string>);
      const commits = new Map((await service.commits(prompt.name)).map((commit) => [commit.id, commit]));
      return json(
        200,
        tags.flatMap(([tag, id]) => {
          const commit = commits.get(id);
          return commit === undefined ? [] : [tagView(prompt, tag, commit)];
        }),
      );
    },
    createPromptTag: async (call) => {
      const { tag_name: tag, commit_id: commit } = objectBody(call.request.body);
      return json(200, await tagged(call, tag, commit));
    },
    movePromptTag: async (call) => {
      const { commit_id: commit } = objectBody(call.request.body);
      return json(200, await tagged(call, call.params["tag"], commit));
    },
    deletePromptTag: async (call) => {
      await service.untag(promptName(call), call.params["tag"] ?? "");
      return json(200, { message: "Tag deleted" });
    },
  };
}

function commitHandlers(service: PromptService): Readonly<Record<string, Handler>> {
  return {
    listCommits: async (call) => {
      const name = promptName(call);
      const { id, commits: total } = await service.get(name);
      const page = await service.commits(name, pageLimits(call.request.query));
      return runsJson(200, {
        commits: page.map((commit) => ({ ...commitView(commit, name), repo_id: id })),
        total,
      });
    },
    createCommit: async (call) => {
      const name = promptName(call);
      const body = objectOf(parseRunBody(call.request.body));
      const manifest = objectOf(body?.["manifest"]);
      if (manifest === undefined) throw badField(["body", "manifest"], "must be a JSON object");
      const { parent_commit: parent, description } = body ?? {};
      const commit = await service.push(name, {
        manifest: writeRunJson(manifest),
        ...(typeof parent === "string" ? { parent } : {}),
        ...(typeof description === "string" ? { description } : {}),
      });
      return runsJson(200, { commit: commitView(commit, name) });
    },
    readCommit: async (call) => {
      const name = promptName(call);
      const commit = await service.commit(name, call.params["commit"] ?? "");
      return runsJson(200, { ...commitView(commit, name), examples: [] });
    },
  };
}

/** The prompt that a path names. Throws 404 for one of another owner. */
export function promptName({ params }: Call): string {
  const { owner = OWN, repo = "" } = params;
  if (owner !== OWN) throw notFound(`Prompt ${owner}/${repo}`);
  return repo;
}

function promptView({ id, name, data, updatedAt, commits, lastCommitHash }: Prompt): RunRecord {
  const { commit_tags: _tags, tag_hashes: _hashes, liked, ...rest } = data;
  return {
    description: null,
    readme: null,
    tags: [],
    is_public: false,
    is_archived: false,
    repo_type: PROMPT,
    ...(rest as RunRecord),
    id,
    repo_handle: name,
    tenant_id: TENANT_ID,
    owner: null,
    full_name: `${OWN}/${name}`,
    updated_at: updatedAt,
    original_repo_id: null,
    upstream_repo_id: null,
    original_repo_full_name: null,
    upstream_repo_full_name: null,
    num_likes: liked === true ? 1 : 0,
    num_downloads: 0,
    num_views: 0,
    num_commits: commits,
    liked_by_auth_user: liked === true,
    last_commit_hash: lastCommitHash ?? null,
  };
}

function commitView({ id, hash, data }: Commit, repo: string): RunFields {
  const text = typeof data["manifest"] === "string" ? data["manifest"] : "{}";
  return {
    id,
    owner: OWN,
    repo,
    commit_hash: hash,
    parent_id: (data["parent_id"] as string | undefined) ?? null,
    parent_commit_hash: (data["parent_commit_hash"] as string | undefined) ?? null,
    manifest: parseRunJson(text),
    manifest_id: null,
    description: (data["description"] as string | undefined) ?? null,
    created_at: (data["created_at"] as string | undefined) ?? null,
    updated_at: (data["created_at"] as string | undefined) ?? null,
    example_run_ids: [],
    num_downloads: 0,
    num_views: 0,
  };
}

function tagView({ id: repo }: Prompt, tag: string, { id, hash }: Commit): RunRecord {
  return { id: nameUuid(repo, tag), repo_id: repo, tag_name: tag, commit_id: id, commit_hash: hash };
}

function fieldsOf(body: RunRecord): JsonObject {
  return Object.fromEntries(
    FIELDS.flatMap((field) => ((body[field] ?? null) === null ? [] : [[field, body[field]]])),
  ) as JsonObject;
}

function matches({ name, data }: Prompt, query: URLSearchParams): boolean {
  const flag = (field: string): boolean => {
    const wanted = query.get(field);
    return wanted === null || (data[field] === true) === (wanted === "true");
  };
  const text = [name, data["description"], data["readme"]].filter((each) => typeof each === "string");
  const part = query.get("query")?.toLowerCase() ?? "";
  const tags = query.getAll("tags");
  const own = (data["tags"] ?? []) as readonly string[];
  return (
    (data["repo_type"] ?? PROMPT) === (query.get("repo_type") ?? PROMPT) &&
    flag("is_public") &&
    flag("is_archived") &&
    text.some((each) => each.toLowerCase().includes(part)) &&
    tags.every((tag) => own.includes(tag))
  );
}

/** Nothing counts downloads and views here: by these, all are equal. */
function orderOf(query: URLSearchParams): (left: Prompt, right: Prompt) => number {
  const field = query.get("sort_field") ?? "updated_at";
  if (!SORT_FIELDS.includes(field))
    throw badField(["query", "sort_field"], `must be one of ${SORT_FIELDS.join(", ")}`);
  const way = query.get("sort_direction") === "asc" ? 1 : -1;
  const key = (prompt: Prompt): string =>
    field === "updated_at"
      ? prompt.updatedAt
      : field === "num_likes"
        ? String(prompt.data["liked"] === true)
        : "";
  return (left, right) => way * key(left).localeCompare(key(right));
}
