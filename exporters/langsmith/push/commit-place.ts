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

/** A commit as it is there. */
export interface CommitThere {
  readonly id: string;
  readonly hash: string;
  /** Whether it is the commit that has this hash here. */
  is(hash: string): boolean;
}

type Get = (path: string) => Promise<HttpAnswer | HttpFailure>;

/**
 * Commits of a prompt where they are sent to, newest first, page by page. LangSmith has hashes of its own, so commits are
 * known by the mark in their description; another Counterfoil has the same hashes. The last page may be the answer that
 * kept us from knowing.
 */
export async function* commitsThere(
  get: Get,
  handle: string,
): AsyncGenerator<readonly CommitThere[] | { readonly failure: HttpAnswer | HttpFailure }> {
  for (let offset = 0; ; offset += PAGE) {
    const path = `/api/v1/commits/-/${encodeURIComponent(handle)}?limit=${PAGE}&offset=${offset}`;
    const answer = await get(path);
    if (!("status" in answer) || answer.status !== 200 || !answer.complete) {
      yield { failure: answer };
      return;
    }
    const commits = commitsIn(answer.body);
    yield commits.flatMap(({ id, commit_hash: there, description }): CommitThere[] => {
      if (typeof there !== "string") return [];
      const { mark } = readCommitMark(typeof description === "string" ? description : undefined);
      return [
        {
          id: typeof id === "string" ? id : "",
          hash: there,
          is: (wanted) => there === wanted || (mark !== undefined && wanted.startsWith(mark)),
        },
      ];
    });
    if (commits.length < PAGE) return;
  }
}

/**
 * Looks for a commit where it is to go. `parent` is the hash there of the commit before it, or of the newest one where that
 * is not known.
 */
export async function findCommit(get: Get, { handle, hash, parentHash }: PushedCommit): Promise<CommitPlace> {
  let newest: string | undefined;
  let parent: string | undefined;
  for await (const page of commitsThere(get, handle)) {
    if ("failure" in page) return page;
    for (const commit of page) {
      newest ??= commit.hash;
      if (commit.is(hash)) return { isThere: true, parent: undefined };
      if (parentHash !== undefined && commit.is(parentHash)) parent ??= commit.hash;
    }
  }
  return { isThere: false, parent: parent ?? newest };
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
