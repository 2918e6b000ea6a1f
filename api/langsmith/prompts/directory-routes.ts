import type { Commit, PromptService } from "../../../loop/index.js";
import { CounterfoilError, type RunJson, type RunRecord } from "../../../schema/index.js";
import { objectBody, parseBody } from "../body.js";
import type { Call, Handler } from "../call.js";
import { badField, json, notFound } from "../replies.js";
import { promptName } from "./prompt-routes.js";

/** What an entry of a directory may be: a file, or a repo that it includes. */
const ENTRY_TYPES = ["file", "agent", "skill"];

/**
 * Routes of agents and skills: repos whose commits are directories of files. A commit says what changes; its manifest here
 * has all files as they are then.
 */
export function directoryHandlers(service: PromptService): Readonly<Record<string, Handler>> {
  return {
    readDirectory: async (call) => {
      const name = promptName(call);
      const commit = await service.commit(name, call.request.query.get("commit") ?? "latest");
      const { files } = manifestOf(commit);
      if (files === undefined) throw notFound(`Directory ${name}`);
      return json(200, { commit_id: commit.id, commit_hash: commit.hash, files });
    },
    deleteDirectory: async (call) => {
      await service.remove(promptName(call));
      return json(200, { message: "Directory deleted" });
    },
    commitDirectory: async (call) => {
      const name = promptName(call);
      const { files: changes, parent_commit: parent = null } = objectBody(call.request.body);
      if (parent !== null && typeof parent !== "string") {
        throw badField(["body", "parent_commit"], "must be a hash or a tag");
      }
      const before = await filesBefore(service, call, parent);
      const manifest = JSON.stringify({ files: merged(before, changes) });
      const commit = await service.push(name, { manifest, ...(parent === null ? {} : { parent }) });
      return json(201, { commit: { id: commit.id, commit_hash: commit.hash, manifest: manifestOf(commit) } });
    },
  };
}

async function filesBefore(service: PromptService, call: Call, parent: string | null): Promise<RunRecord> {
  const name = promptName(call);
  const [newest] =
    parent === null ? await service.commits(name, { limit: 1 }) : [await service.commit(name, parent)];
  if (newest === undefined) return {};
  const { files } = manifestOf(newest);
  if (files !== undefined) return files;
  throw new CounterfoilError("CF_CONFLICT", `${name} is a prompt, no directory. Choose another name.`);
}

function manifestOf({ data }: Commit): { readonly files?: RunRecord } {
  const text = typeof data["manifest"] === "string" ? data["manifest"] : "{}";
  const manifest = parseBody(Buffer.from(text));
  const files = isObject(manifest) ? manifest["files"] : undefined;
  return isObject(files) ? { files } : {};
}

/** Files after a change, in the order of their paths: the same files are the same commit. Null takes one away. */
function merged(before: RunRecord, changes: RunJson | undefined): RunRecord {
  if (!isObject(changes)) throw badField(["body", "files"], "must be an object of entries by path");
  for (const [path, entry] of Object.entries(changes)) checkEntry(path, entry);
  const entries = Object.entries({ ...before, ...changes }).filter(([, entry]) => entry !== null);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Clients write the files to disk: a path must stay below the folder that they choose. */
function checkEntry(path: string, entry: RunJson): void {
  const where = ["body", "files", path];
  if (!/^[^/\\]+(?:\/[^/\\]+)*$/.test(path) || path.split("/").some((part) => part === "." || part === ".."))
    throw badField(where, "must be a path of names with / between them");
  if (entry === null) return;
  if (!isObject(entry)) throw badField(where, "must be an entry, or null to take it away");
  const { type, content, repo_handle: handle } = entry;
  if (typeof type !== "string" || !ENTRY_TYPES.includes(type))
    throw badField([...where, "type"], `must be one of ${ENTRY_TYPES.join(", ")}`);
  if (type === "file" && typeof content !== "string") throw badField([...where, "content"], "must be a text");
  if (type !== "file" && typeof handle !== "string") throw badField([...where, "repo_handle"], "is required");
}

function isObject(value: RunJson | undefined): value is RunRecord {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
