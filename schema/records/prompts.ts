import { COMMIT_DESCRIPTION_LENGTH_MAX } from "../langsmith/commit-mark.js";
import type { RecordType } from "./types.js";

const NAME_LENGTH_MAX = 1_000;

/** `prompts`: LangSmith's prompts (repos). What a prompt says is in its commits. */
export const PROMPTS: RecordType = {
  type: "prompt",
  table: "prompts",
  doc: "Prompts by name; what they say is in `prompt_commits`.",
  fields: [
    { name: "repo_handle", kind: "text", required: true, lengthMax: NAME_LENGTH_MAX, doc: "Unique name." },
    { name: "description", kind: "text", doc: "In words." },
    { name: "readme", kind: "text", doc: "Markdown." },
    { name: "tags", kind: "list", lengthMax: 1_000, doc: "Tags of the prompt: texts." },
    {
      name: "repo_type",
      kind: "text",
      oneOf: ["prompt", "agent", "skill"],
      doc: "What it is; commits of agents and skills are directories of files.",
    },
    { name: "is_public", kind: "boolean", doc: "As it was set; nothing is public here." },
    { name: "is_archived", kind: "boolean", doc: "Left out of lists." },
    { name: "liked", kind: "boolean", doc: "Whether it is liked." },
    {
      name: "commit_tags",
      kind: "object",
      doc: "Commit ids by tag: `{production: <id>}`. A tag can be moved.",
    },
    {
      name: "tag_hashes",
      kind: "object",
      doc: "Hashes of those commits by tag, null for a tag that was taken away: where a prompt is sent to, commits have other ids.",
    },
    { name: "created_at", kind: "time", doc: "When it was created." },
    { name: "deleted_at", kind: "time", doc: "In its last state: when it was deleted." },
  ],
  columns: [
    { name: "repo_handle", type: "VARCHAR", doc: "Unique name." },
    { name: "description", type: "VARCHAR", doc: "In words." },
    { name: "tags", type: "VARCHAR", json: true, doc: "Tags of the prompt: JSON array." },
    { name: "is_public", type: "BOOLEAN", doc: "As it was set; nothing is public here." },
    { name: "is_archived", type: "BOOLEAN", doc: "Left out of lists." },
    { name: "liked", type: "BOOLEAN", doc: "Whether it is liked." },
    { name: "commit_tags", type: "VARCHAR", json: true, doc: "Commit ids by tag: JSON object." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was created, UTC." },
  ],
};

/** `prompt_commits`: every version of a prompt. A commit never changes; it goes with its prompt. */
export const PROMPT_COMMITS: RecordType = {
  type: "prompt_commit",
  table: "prompt_commits",
  doc: "Versions of prompts: each has a hash of what it says and of the version before it.",
  fields: [
    { name: "prompt_id", kind: "uuid", required: true, doc: "Prompt." },
    {
      name: "repo_handle",
      kind: "text",
      lengthMax: NAME_LENGTH_MAX,
      doc: "Name of the prompt: where the commit is sent to, prompts have other ids.",
    },
    {
      name: "repo_type",
      kind: "text",
      oneOf: ["agent", "skill"],
      doc: "What its prompt is, where it is none: `manifest` has `files` then.",
    },
    {
      name: "commit_hash",
      kind: "text",
      required: true,
      lengthMax: 64,
      doc: "Names the commit within its prompt.",
    },
    { name: "parent_id", kind: "uuid", doc: "Commit before it." },
    { name: "parent_commit_hash", kind: "text", lengthMax: 64, doc: "Hash of the commit before it." },
    {
      name: "manifest",
      kind: "text",
      required: true,
      doc: "What was pushed, as JSON text: numbers keep their value, however large.",
    },
    {
      name: "description",
      kind: "text",
      lengthMax: COMMIT_DESCRIPTION_LENGTH_MAX,
      doc: "In words.",
    },
    { name: "created_at", kind: "time", doc: "When it was pushed." },
  ],
  columns: [
    { name: "prompt_id", type: "VARCHAR", doc: "Prompt." },
    { name: "commit_hash", type: "VARCHAR", doc: "Names the commit within its prompt." },
    { name: "parent_commit_hash", type: "VARCHAR", doc: "Hash of the commit before it." },
    { name: "manifest", type: "VARCHAR", content: true, doc: "What was pushed, as JSON text." },
    { name: "description", type: "VARCHAR", doc: "In words." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was pushed, UTC." },
  ],
};
