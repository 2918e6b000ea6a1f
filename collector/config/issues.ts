import type { z } from "zod";
import { nearest, type ConfigPath } from "./problem.js";

/** A schema failure in our words. `key` marks one that is about the key named last in `path`. */
export interface Issue {
  readonly path: ConfigPath;
  readonly message: string;
  readonly key: boolean;
  /** Set when the value has the wrong type and this one was wanted. */
  readonly wants?: "number" | "boolean";
}

type ZodIssue = z.core.$ZodIssue;

/** Zod's issues as one message per fault, with the nearest known key for each unknown one. */
export function issuesOf(schema: z.ZodType, issues: readonly ZodIssue[]): Issue[] {
  return issues.flatMap((issue): Issue[] => {
    const path = issue.path.map((step) => (typeof step === "number" ? step : String(step)));
    if (issue.code === "unrecognized_keys") {
      const known = knownKeys(schema, path);
      return issue.keys.map((name) => ({
        path: [...path, name],
        message: unknownKey(name, known),
        key: true,
      }));
    }
    const wants = issue.code === "invalid_type" ? wantedType(issue.expected) : undefined;
    return [{ path, message: messageOf(issue), key: false, ...(wants === undefined ? {} : { wants }) }];
  });
}

/** `unknown key; did you mean "endpoint"?` */
export function unknownKey(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `unknown key; did you mean "${near}"?`;
  return known.length === 0 ? "unknown key" : `unknown key; known are ${known.join(", ")}`;
}

function wantedType(expected: string): "number" | "boolean" | undefined {
  if (expected === "number" || expected === "int") return "number";
  return expected === "boolean" ? "boolean" : undefined;
}

function messageOf(issue: ZodIssue): string {
  if (issue.code === "invalid_union") {
    const inner = issue.errors.flat().find((each) => each.path.length > 0);
    return inner === undefined ? issue.message : `${inner.path.join(".")}: ${messageOf(inner)}`;
  }
  if (!issue.message.startsWith("Invalid")) return issue.message;
  if (issue.code === "invalid_type") {
    const missing = issue.message.endsWith("undefined");
    const found = /received (\w+)/.exec(issue.message)?.[1] ?? "something else";
    const wanted = { object: "a section", record: "a section", array: "a list", string: "a text" }[
      issue.expected as string
    ];
    return missing ? "is missing" : `must be ${wanted ?? `a ${issue.expected}`}, not ${found}`;
  }
  if (issue.code === "invalid_value") return `must be one of ${issue.values.map(String).join(", ")}`;
  return issue.message;
}

/** The keys that a schema allows at a path. */
function knownKeys(schema: z.core.$ZodType, path: ConfigPath): string[] {
  const at = unwrap(schema);
  const def = at._zod.def as {
    type: string;
    shape?: Record<string, z.core.$ZodType>;
    element?: z.core.$ZodType;
    valueType?: z.core.$ZodType;
    options?: z.core.$ZodType[];
  };
  if (def.type === "union") return (def.options ?? []).flatMap((option) => knownKeys(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return Object.keys(def.shape ?? {});
  const next = def.shape?.[step] ?? def.element ?? def.valueType;
  return next === undefined ? [] : knownKeys(next, rest);
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  const def = schema._zod.def as { innerType?: z.core.$ZodType; in?: z.core.$ZodType };
  const inner = def.innerType ?? def.in;
  return inner === undefined ? schema : unwrap(inner);
}
