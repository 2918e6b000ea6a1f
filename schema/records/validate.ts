import { CounterfoilError } from "../errors.js";
import { RECORD_JSON_DEPTH_MAX } from "../limits.js";
import { spanIdOf, traceIdOf, uuidOf } from "./ids.js";
import { RECORD_TYPES } from "./record-tables.js";
import { timeToUnixNano } from "./time.js";
import type { Field, FieldKind, JsonObject, RecordType } from "./types.js";

/** The type of that name; undefined when this version does not know it. */
export function recordTypeOf(type: string): RecordType | undefined {
  return RECORD_TYPES.find((known) => known.type === type);
}

/** How {@link checkRecord} takes fields that the type does not have. */
export interface CheckOptions {
  /** `refuse` for people, who mistype; `keep` (the default) for programs of another version. */
  readonly unknownFields?: "keep" | "refuse";
}

/**
 * Checks the data of a record of a known type. Throws CF_RECORD_INVALID, which names every field that is wrong by its
 * path and says what it must be.
 */
export function checkRecord(type: RecordType, data: JsonObject, options: CheckOptions = {}): void {
  const problems: string[] = [];
  // Every reader of the record recurses into it.
  if (isDeeper(data, RECORD_JSON_DEPTH_MAX)) {
    problems.push(`it is nested more than ${RECORD_JSON_DEPTH_MAX} deep`);
  } else checkFields({ fields: type.fields, strict: options.unknownFields === "refuse", problems }, data, "");
  const whole = problems.length === 0 ? type.check?.(data) : undefined;
  if (whole !== undefined) problems.push(`it ${whole}`);
  if (problems.length === 0) return;
  throw new CounterfoilError("CF_RECORD_INVALID", `Not a valid ${type.type}: ${problems.join("; ")}.`);
}

/** Whether a value is nested deeper than `most` objects and lists. */
export function isDeeper(value: unknown, most: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  return most === 0 || Object.values(value).some((item) => isDeeper(item, most - 1));
}

interface Check {
  readonly fields: readonly Field[];
  readonly strict: boolean;
  readonly problems: string[];
}

function checkFields(check: Check, data: JsonObject, prefix: string): void {
  for (const field of check.fields) {
    const path = `${prefix}${field.name}`;
    const value = Object.hasOwn(data, field.name) ? data[field.name] : undefined;
    if (value === undefined || value === null) {
      if (field.required) check.problems.push(`${path} is missing`);
    } else checkValue(check, field, value, path);
  }
  if (!check.strict) return;
  const known = check.fields.map(({ name }) => name);
  for (const name of Object.keys(data)) {
    if (known.includes(name)) continue;
    check.problems.push(`there is no field ${prefix}${name} (there are ${known.join(", ")})`);
  }
}

function checkValue(check: Check, field: Field, value: unknown, path: string): void {
  const { kind, lengthMax, oneOf, fields } = field;
  const [isValid, wanted] = KINDS[kind];
  if (!isValid(value)) {
    check.problems.push(`${path} must be ${wanted}, got ${shown(value)}`);
    return;
  }
  if (typeof value === "string" && field.required && value.trim() === "") {
    check.problems.push(`${path} is empty`);
  }
  if (oneOf !== undefined && !oneOf.includes(value as string)) {
    check.problems.push(`${path} must be one of ${oneOf.join(", ")}, got ${shown(value)}`);
  }
  const length = typeof value === "string" || Array.isArray(value) ? value.length : 0;
  if (lengthMax !== undefined && length > lengthMax) {
    const unit = Array.isArray(value) ? "items" : "characters";
    check.problems.push(`${path} must have at most ${lengthMax} ${unit}, got ${length}`);
  }
  if (fields === undefined) return;
  if (kind === "object") return checkFields({ ...check, fields }, value as JsonObject, `${path}.`);
  for (const [index, item] of (value as readonly unknown[]).entries()) {
    if (isObject(item)) checkFields({ ...check, fields }, item, `${path}[${index}].`);
    else check.problems.push(`${path}[${index}] must be an object, got ${shown(item)}`);
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isText = (value: unknown): value is string => typeof value === "string";

const KINDS: Readonly<Record<FieldKind, readonly [isValid: (value: unknown) => boolean, wanted: string]>> = {
  text: [isText, "a text"],
  number: [isNumber, "a number"],
  integer: [Number.isSafeInteger, "a whole number"],
  boolean: [(value) => typeof value === "boolean", "true or false"],
  score: [(value) => isNumber(value) || typeof value === "boolean", "a number, true or false"],
  time: [(value) => timeToUnixNano(value) !== undefined, "a time such as 2026-11-23T10:00:00Z"],
  date: [
    (value) => isText(value) && /^\d{4}-\d\d-\d\d$/.test(value) && !Number.isNaN(Date.parse(value)),
    "a day such as 2026-11-23",
  ],
  trace_id: [(value) => traceIdOf(value) !== undefined, "a trace id: 32 hex digits, or a UUID"],
  span_id: [(value) => spanIdOf(value) !== undefined, "a span id: 16 hex digits"],
  uuid: [(value) => uuidOf(value) !== undefined, "a UUID"],
  object: [isObject, "an object"],
  list: [Array.isArray, "a list"],
  json: [() => true, "any JSON value"],
};

/** The start of a wrong value, enough to find it. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
