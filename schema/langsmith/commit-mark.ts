/** LangSmith's bound on a commit's description, characters. */
export const COMMIT_DESCRIPTION_LENGTH_MAX = 1_000;
const MARK = /(?:^|\n)counterfoil:([0-9a-f]{12})$/;
const HASH_DIGITS = 12;

/**
 * A commit's description with the hash that it has here. LangSmith computes hashes of its own: by the mark a commit that
 * was pushed is found there again, and so is never made twice. Left as it is where there is no room for it.
 */
export function withCommitMark(description: string | undefined, hash: string): string {
  const mark = `counterfoil:${hash.slice(0, HASH_DIGITS)}`;
  const marked = description === undefined ? mark : `${description}\n${mark}`;
  return marked.length > COMMIT_DESCRIPTION_LENGTH_MAX ? (description ?? "") : marked;
}

/** The description without its mark, and the first digits of the hash that the mark has. */
export function readCommitMark(description: string | undefined): {
  readonly description: string | undefined;
  readonly mark: string | undefined;
} {
  const match = MARK.exec(description ?? "");
  if (description === undefined || match === null) return { description, mark: undefined };
  // The mark alone stands for no description, a line before it for one, which may be empty.
  const said = match[0].startsWith("\n") ? description.slice(0, match.index) : undefined;
  return { description: said, mark: match[1] };
}
