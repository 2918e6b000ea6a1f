import type { JsonObject } from "./types.js";

/** What is wrong with the address of a webhook; undefined when nothing is. */
export function webhookUrlProblem(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "is no http or https address";
  if (url.username !== "" || url.password !== "") return "holds a password: use secret_env";
  return undefined;
}

/** What is wrong with fields that name environment variables; undefined when nothing is. */
export function envNameProblem(data: JsonObject, fields: readonly string[]): string | undefined {
  for (const name of fields) {
    const variable = data[name];
    if (typeof variable === "string" && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
      return `has a ${name} that is no name of an environment variable`;
    }
  }
  return undefined;
}

/** That one of two fields is missing, or both are there; undefined when exactly one is. */
export function exactlyOneProblem(data: JsonObject, left: string, right: string): string | undefined {
  const given = (name: string): boolean => data[name] !== undefined && data[name] !== null;
  return given(left) === given(right) ? `needs ${left} or ${right}` : undefined;
}
