import { type JsonObject, type JsonValue, readCommitMark } from "../../../schema/index.js";
import type { HttpAnswer, HttpFailure } from "../../core/http.js";
import { objectOf } from "./record-calls.js";

/** Commits in one page: each may have its whole manifest. */
const PAGE = 20;

/** A commit as it is known here. */
export interface PushedCommit {
  /** Of its prompt. */
  readonly handle: string;
  readonly hash: string;
  readonly parentHash: string | undefined;
}

/** What is there of a commit, or the answer that kept us from knowing. */
export type CommitPlace =
  | { readonly isThere: boolean; readonly parent: string | undefined }
  | { readonly failure: HttpAnswer | HttpFailure };

/**
 * Looks for a commit where it is to go. LangSmith has hashes of its own, so commits are known by the mark in their
 * description; another Counterfoil has the same hashes. `parent` is the hash there of the commit before it, or of the newest
 * one where that is not known.
 */
export async function findCommit(
  get: (path: string) => Promise<HttpAnswer | HttpFailure>,
  { handle, hash, parentHash }: PushedCommit,
): Promise<CommitPlace> {
  let newest: string | undefined;
  let parent: string | undefined;
  for (let offset = 0; ; offset += PAGE) {
    const answer = await get(
      `/api/v1/commits/-/${encodeURIComponent(handle)}?limit=${PAGE}&offset=${offset}`,
    );
    if (!("status" in answer) || answer.status !== 200 || !answer.complete) return { failure: answer };
    const commits = commitsIn(answer.body);
    for (const { commit_hash: there, description } of commits) {
      if (typeof there !== "string") continue;
      const is = (wanted: string): boolean => {
        const { mark } = readCommitMark(typeof description === "string" ? description : undefined);
        return there === wanted || (mark !== undefined && wanted.startsWith(mark));
      };
      newest ??= there;
      if (is(hash)) return { isThere: true, parent: undefined };
      if (parentHash !== undefined && is(parentHash)) parent ??= there;
    }
    if (commits.length < PAGE) return { isThere: false, parent: parent ?? newest };
  }
}

function commitsIn(body: Uint8Array): JsonObject[] {
  let answer: JsonValue;
  try {
    answer = JSON.parse(Buffer.from(body).toString("utf8")) as JsonValue;
  } catch {
    return [];
  }
  const { commits } = objectOf(answer);
  return Array.isArray(commits) ? (commits as readonly JsonValue[]).map(objectOf) : [];
}
