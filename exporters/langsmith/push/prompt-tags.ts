import type { JsonObject } from "../../../schema/index.js";
import type { HttpAnswer, HttpFailure } from "../../core/http.js";
import { commitsThere } from "./commit-place.js";
import type { RecordCall } from "./record-calls.js";

/** What the tags of a prompt's commits are to be. */
export interface PushedTags {
  /** Of the prompt. */
  readonly handle: string;
  /** Hash here of the commit that each tag names; null for a tag that was taken away. */
  readonly hashes: JsonObject;
}

/** The requests that set tags, the tags whose commit is not there, or the answer that kept us from knowing. */
export type TagCalls =
  | { readonly calls: readonly RecordCall[]; readonly missing: readonly string[] }
  | { readonly failure: HttpAnswer | HttpFailure };

/** Tags name commits by ids, and the other server gives ids of its own: its commits are read once for all tags. */
export async function tagCalls(
  get: (path: string) => Promise<HttpAnswer | HttpFailure>,
  { handle, hashes }: PushedTags,
): Promise<TagCalls> {
  const path = `/api/v1/repos/-/${encodeURIComponent(handle)}/tags`;
  const wanted = new Map<string, string>();
  const calls: RecordCall[] = [];
  for (const [tag, hash] of Object.entries(hashes)) {
    // No part of an address: it would name the prompt itself.
    if (/^\.*$/.test(tag)) continue;
    if (typeof hash === "string") wanted.set(tag, hash);
    else calls.push({ method: "DELETE", path: `${path}/${encodeURIComponent(tag)}`, goneIsDone: true });
  }
  if (wanted.size > 0) {
    for await (const page of commitsThere(get, handle)) {
      if ("failure" in page) return page;
      for (const commit of page) {
        for (const [tag, hash] of wanted) {
          if (!commit.is(hash)) continue;
          wanted.delete(tag);
          const change = { commit_id: commit.id };
          calls.push({
            method: "POST",
            path,
            body: { tag_name: tag, ...change },
            whenThere: { method: "PATCH", path: `${path}/${encodeURIComponent(tag)}`, body: change },
          });
        }
      }
      if (wanted.size === 0) break;
    }
  }
  return { calls, missing: [...wanted.keys()] };
}
