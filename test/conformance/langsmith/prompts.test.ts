import type { Client } from "langsmith";
import { afterAll, beforeAll, expect, test } from "vitest";
import { queryRows } from "../../../store/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";
import { clientOf, collect } from "./sdk.js";

let api: RunningApi;
let client: Client;

beforeAll(async () => {
  api = await runApi();
  client = clientOf(api);
});

afterAll(async () => {
  await api.stop();
});

/** Fields of a commit that the client gives, though its types don't say so. */
interface Listed {
  readonly id: string;
  readonly commit_hash: string;
  readonly parent_id: string | null;
  readonly parent_commit_hash: string | null;
}

async function commitsOf(name: string): Promise<Listed[]> {
  return (await collect(client.listCommits(name))) as unknown as Listed[];
}

const manifest = (text: string) => ({
  lc: 1,
  type: "constructor",
  id: ["langchain", "prompts", "PromptTemplate"],
  kwargs: { template: text, input_variables: [] },
});

test("a prompt is pushed, pulled by hash, tag and latest, and its commits know their parents", async () => {
  const url = await client.pushPrompt("greeter", {
    object: manifest("Hello"),
    description: "says hello",
    tags: ["polite"],
    commitTags: ["v1"],
  });
  expect(url).toContain("/prompts/greeter/");
  await client.pushPrompt("greeter", { object: manifest("Good day") });
  const [second, first] = await commitsOf("greeter");
  expect(second?.parent_commit_hash).toBe(first?.commit_hash);
  expect(second?.parent_id).toBe(first?.id);
  const pulled = async (name: string) => (await client.pullPromptCommit(name, { skipCache: true })).manifest;
  expect(await pulled("greeter")).toEqual(manifest("Good day"));
  expect(await pulled("greeter:v1")).toEqual(manifest("Hello"));
  expect(await pulled(`greeter:${first?.commit_hash.slice(0, 8)}`)).toEqual(manifest("Hello"));
  await expect(pulled("greeter:v2")).rejects.toThrow("not found");
  expect(await client.getPrompt("greeter")).toMatchObject({
    description: "says hello",
    tags: ["polite"],
    num_commits: 2,
    last_commit_hash: second?.commit_hash,
  });
  await expect(client.createCommit("greeter", manifest("Good day"))).rejects.toThrow("Nothing to commit");
});

test("the same history has the same hashes on every server, and numbers of a manifest keep their value", async () => {
  const push = async (): Promise<{ commit: { commit_hash: string } }> => {
    await client.createPrompt("exact");
    const answer = await fetch(`${api.url}/commits/-/exact`, {
      method: "POST",
      body: '{"manifest": {"big": 12345678901234567890, "tiny": 1e-400, "text": "\\u00e9"}, "parent_commit": null}',
    });
    return (await answer.json()) as { commit: { commit_hash: string } };
  };
  const first = await push();
  const text = await (await fetch(`${api.url}/commits/-/exact/latest`)).text();
  expect(text).toContain('"manifest":{"big":12345678901234567890,"tiny":1e-400,"text":"é"}');
  // Names that every object has are no tags.
  for (const path of ["commits/-/exact/constructor", "commits/-/exact/__proto__"]) {
    expect((await fetch(`${api.url}/${path}`)).status).toBe(404);
  }
  const untag = await fetch(`${api.url}/repos/-/exact/tags/constructor`, { method: "DELETE" });
  expect(untag.status).toBe(404);
  await client.deletePrompt("exact");
  expect(await client.promptExists("exact")).toBe(false);
  expect((await push()).commit.commit_hash).toBe(first.commit.commit_hash);
  const rows = await queryRows({
    dataDir: api.dataDir,
    sql: "SELECT op FROM prompts_history WHERE seq IN (SELECT seq FROM prompt_commits_history WHERE op = 'delete') ORDER BY seq_index",
  });
  // Its last state comes before it, for whoever knows it by its name.
  expect(rows).toEqual([{ op: "put" }, { op: "delete" }]);
});

test("prompts are listed by what they say and how they are marked, liked, archived and deleted", async () => {
  await client.createPrompt("translator", { description: "into French" });
  await client.createPrompt("coder");
  const names = async (options = {}) =>
    (await collect(client.listPrompts(options))).map(({ repo_handle: name }) => name);
  expect(await names({ query: "french" })).toEqual(["translator"]);
  expect(await client.likePrompt("coder")).toEqual({ likes: 1 });
  expect(await client.unlikePrompt("coder")).toEqual({ likes: 0 });
  await client.updatePrompt("coder", { isArchived: true, readme: "# Code" });
  expect(await names({ isArchived: true })).toEqual(["coder"]);
  await expect(client.createPrompt("coder")).rejects.toMatchObject({ status: 409 });
  await client.deletePrompt("translator");
  expect(await names({ query: "french" })).toEqual([]);
  expect(await client.getPrompt("translator")).toBeNull();
});

test("tags of commits are created, moved and taken away", async () => {
  await client.pushPrompt("tagged", { object: manifest("a"), commitTags: "prod" });
  await client.pushPrompt("tagged", { object: manifest("b") });
  const [second, first] = await commitsOf("tagged");
  const tags = async () => {
    const answer = await fetch(`${api.url}/repos/-/tagged/tags`);
    const list = (await answer.json()) as { tag_name: string; commit_id: string }[];
    return list.map(({ tag_name: name, commit_id: id }) => [name, id]);
  };
  expect(await tags()).toEqual([["prod", first?.id]]);
  const address = `${api.url}/repos/-/tagged/tags/prod`;
  await fetch(address, { method: "PATCH", body: JSON.stringify({ commit_id: second?.id }) });
  expect(await tags()).toEqual([["prod", second?.id]]);
  expect((await fetch(address, { method: "DELETE" })).status).toBe(200);
  expect(await tags()).toEqual([]);
  expect((await fetch(address, { method: "DELETE" })).status).toBe(404);
});

test("agents and skills are directories: pushed, changed file by file, pulled by commit, listed apart and deleted", async () => {
  const file = (content: string) => ({ type: "file", content }) as const;
  await client.pushAgent("helper", {
    files: { "AGENTS.md": file("be kind"), "tools/search.md": file("search") },
    description: "helps",
  });
  const first = await client.pullAgent("helper");
  await client.pushAgent("helper", {
    files: {
      "AGENTS.md": file("be brief"),
      "tools/search.md": null,
      "skills/x": { type: "skill", repo_handle: "x" },
    },
  });
  const second = await client.pullAgent("helper");
  expect(second.files).toEqual({
    "AGENTS.md": file("be brief"),
    "skills/x": { type: "skill", repo_handle: "x" },
  });
  expect((await client.pullAgent("helper", { version: first.commit_hash })).files).toEqual({
    "AGENTS.md": file("be kind"),
    "tools/search.md": file("search"),
  });
  expect((await collect(client.listAgents())).map(({ repo_handle: name }) => name)).toEqual(["helper"]);
  expect(await collect(client.listSkills())).toEqual([]);
  expect((await collect(client.listPrompts())).map(({ repo_handle: name }) => name)).not.toContain("helper");
  await expect(client.pushSkill("helper2", { files: { "../out": file("x") } })).rejects.toThrow("path");
  await client.deleteAgent("helper");
  expect(await client.agentExists("helper")).toBe(false);
  await client.pushPrompt("no-directory", { object: { lc: 1, type: "constructor", id: ["x"], kwargs: {} } });
  await expect(client.pullAgent("no-directory")).rejects.toThrow("not found");
  await expect(client.pushAgent("no-directory", { files: { a: file("x") } })).rejects.toThrow("no directory");
});
