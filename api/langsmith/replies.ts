import { type ApiReply, writeRunJson } from "../../schema/index.js";

/** A refusal in the form that LangSmith's clients read: `{"detail": ...}`. */
export class RefusedCall extends Error {
  override readonly name = "RefusedCall";

  constructor(
    readonly status: number,
    readonly detail: string | readonly FieldProblem[],
  ) {
    super(typeof detail === "string" ? detail : detail.map(({ msg }) => msg).join("; "));
  }
}

/** One wrong field: `loc` is the way to it, as in `["body", "post", 0, "id"]`. */
export interface FieldProblem {
  readonly loc: readonly (string | number)[];
  readonly msg: string;
  readonly type: string;
}

/** 422 for one field. */
export function badField(loc: readonly (string | number)[], msg: string): RefusedCall {
  return new RefusedCall(422, [{ loc, msg, type: "value_error" }]);
}

/** 404. The clients look for the words "not found" in lower case. */
export function notFound(what: string): RefusedCall {
  return new RefusedCall(404, `${what} not found`);
}

/** A JSON answer. */
export function json(status: number, body: unknown): ApiReply {
  return { status, contentType: "application/json", body: JSON.stringify(body) };
}

/** A JSON answer with runs in it: a run, or an object with a list of them. */
export function runsJson(status: number, body: unknown): ApiReply {
  return { status, contentType: "application/json", body: writeRunJson(body) };
}

/** The answer to a refused call. */
export function refusal({ status, detail }: RefusedCall): ApiReply {
  return json(status, { detail });
}
