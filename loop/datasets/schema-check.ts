import { canonicalJson, type JsonObject, type JsonValue, SCHEMA_STEPS_MAX } from "../../schema/index.js";

/** Schemas within each other that are followed: more than data may be nested. */
const SCHEMA_DEPTH_MAX = 300;
/** Wrong places that one check names. */
const PROBLEMS_MAX = 10;

interface Check {
  readonly root: JsonObject;
  readonly problems: string[];
  /** What is left of SCHEMA_STEPS_MAX; shared with checks of alternatives. */
  readonly left: { steps: number };
  depth: number;
}

/**
 * What is wrong with a value by a JSON Schema (the assertions of draft 2020-12 that stand in schemas of data, with `$ref`
 * within the schema), each with the way to it: `inputs.question must be a string, got a number`. `pattern` and `format` are not
 * checked: a pattern may take for ever. A schema that goes round without end, or costs more than SCHEMA_STEPS_MAX
 * steps, is a problem itself.
 */
export function schemaProblems(schema: JsonObject, value: JsonValue, path: string): string[] {
  const check: Check = { root: schema, problems: [], left: { steps: SCHEMA_STEPS_MAX }, depth: 0 };
  checkValue(check, schema, value, path);
  // Alternatives that were given up midway may have left nothing to say.
  if (check.left.steps === 0 && check.problems.length === 0) return [`${path} takes too long to check`];
  return check.problems.slice(0, PROBLEMS_MAX);
}

/** One step; the problem of a schema without end is named once, and nothing is checked after it. */
function checkValue(check: Check, schema: JsonValue | undefined, value: JsonValue, path: string): void {
  const { left } = check;
  if (left.steps <= 0) return;
  left.steps--;
  if (left.steps === 0 || check.depth === SCHEMA_DEPTH_MAX) {
    left.steps = 0;
    check.problems.push(`${path} takes too long to check: its schema may go round without end`);
    return;
  }
  check.depth++;
  checkAll(check, schema, value, path);
  check.depth--;
}

function checkAll(check: Check, schema: JsonValue | undefined, value: JsonValue, path: string): void {
  if (schema === false) check.problems.push(`${path} must not be there`);
  const given = objectOf(schema);
  if (given === undefined) return;
  if (typeof given["$ref"] === "string") checkRef(check, given["$ref"], value, path);
  const type = given["type"];
  const types =
    typeof type === "string" ? [type] : Array.isArray(type) ? (type as readonly string[]) : undefined;
  if (types !== undefined && !types.some((each) => isType(value, each))) {
    check.problems.push(`${path} must be ${types.map(named).join(" or ")}, got ${named(typeOf(value))}`);
    return;
  }
  checkChoices(check, given, value, path);
  checkCombined(check, given, value, path);
  if (typeof value === "string")
    checkSize(check, given, { size: Array.from(value).length, words: SIZE_WORDS.string, path });
  else if (typeof value === "number") checkNumber(check, given, value, path);
  else if (Array.isArray(value)) checkList(check, given, value, path);
  else if (typeof value === "object" && value !== null) checkObject(check, given, value as JsonObject, path);
}

function checkRef(check: Check, ref: string, value: JsonValue, path: string): void {
  if (!ref.startsWith("#")) {
    check.problems.push(`${path} has a schema elsewhere (${ref}), which is not read`);
    return;
  }
  let target: JsonValue | undefined = check.root;
  for (const segment of ref.slice(1).split("/").slice(1)) {
    const name = segment.replaceAll("~1", "/").replaceAll("~0", "~");
    target = Array.isArray(target) ? target[Number(name)] : objectOf(target)?.[name];
  }
  if (target === undefined) check.problems.push(`${path} has a schema that is not there (${ref})`);
  else checkValue(check, target, value, path);
}

function checkChoices(check: Check, schema: JsonObject, value: JsonValue, path: string): void {
  const same = (other: JsonValue): boolean => canonicalJson(other) === canonicalJson(value);
  const choices = schema["enum"];
  if (Array.isArray(choices) && !choices.some(same))
    check.problems.push(`${path} must be one of ${JSON.stringify(choices)}`);
  const only = schema["const"];
  if (only !== undefined && !same(only)) check.problems.push(`${path} must be ${JSON.stringify(only)}`);
}

function checkCombined(check: Check, schema: JsonObject, value: JsonValue, path: string): void {
  const fits = (part: JsonValue | undefined): boolean => {
    const inner: Check = { ...check, problems: [] };
    checkValue(inner, part, value, path);
    return inner.problems.length === 0;
  };
  const listOf = (keyword: string): readonly JsonValue[] | undefined => {
    const parts = schema[keyword];
    return Array.isArray(parts) ? (parts as readonly JsonValue[]) : undefined;
  };
  for (const part of listOf("allOf") ?? []) checkValue(check, part, value, path);
  const any = listOf("anyOf");
  if (any !== undefined && !any.some(fits)) check.problems.push(`${path} fits none of the forms of anyOf`);
  const one = listOf("oneOf");
  if (one !== undefined) {
    const count = one.filter(fits).length;
    if (count !== 1) check.problems.push(`${path} must fit one form of oneOf, fits ${count}`);
  }
  if (schema["not"] !== undefined && fits(schema["not"]))
    check.problems.push(`${path} fits what it must not`);
  if (schema["if"] !== undefined) {
    const branch = fits(schema["if"]) ? schema["then"] : schema["else"];
    if (branch !== undefined) checkValue(check, branch, value, path);
  }
}

const SIZE_WORDS = {
  string: ["minLength", "maxLength", "characters"],
  list: ["minItems", "maxItems", "items"],
  object: ["minProperties", "maxProperties", "fields"],
} as const;

interface Size {
  readonly size: number;
  readonly words: (typeof SIZE_WORDS)[keyof typeof SIZE_WORDS];
  readonly path: string;
}

function checkSize(check: Check, schema: JsonObject, { size, words: [least, most, unit], path }: Size): void {
  const [min, max] = [schema[least], schema[most]];
  if (typeof min === "number" && size < min)
    check.problems.push(`${path} must have at least ${min} ${unit}, got ${size}`);
  if (typeof max === "number" && size > max)
    check.problems.push(`${path} must have at most ${max} ${unit}, got ${size}`);
}

function checkNumber(check: Check, schema: JsonObject, value: number, path: string): void {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step } = schema;
  const wrong = (what: string): void => void check.problems.push(`${path} must be ${what}, got ${value}`);
  if (typeof minimum === "number" && value < minimum) wrong(`at least ${minimum}`);
  if (typeof maximum === "number" && value > maximum) wrong(`at most ${maximum}`);
  if (typeof above === "number" && value <= above) wrong(`more than ${above}`);
  if (typeof below === "number" && value >= below) wrong(`less than ${below}`);
  if (typeof step === "number" && step > 0 && !Number.isInteger(value / step)) wrong(`a multiple of ${step}`);
}

function checkList(check: Check, schema: JsonObject, list: readonly JsonValue[], path: string): void {
  checkSize(check, schema, { size: list.length, words: SIZE_WORDS.list, path });
  const first = Array.isArray(schema["prefixItems"]) ? (schema["prefixItems"] as readonly JsonValue[]) : [];
  for (const [at, item] of list.entries()) {
    const part = at < first.length ? first[at] : schema["items"];
    if (part !== undefined) checkValue(check, part, item, `${path}[${at}]`);
  }
  if (schema["uniqueItems"] === true && new Set(list.map(canonicalJson)).size < list.length)
    check.problems.push(`${path} must not have an item twice`);
}

function checkObject(check: Check, schema: JsonObject, value: JsonObject, path: string): void {
  checkSize(check, schema, { size: Object.keys(value).length, words: SIZE_WORDS.object, path });
  const required = Array.isArray(schema["required"]) ? (schema["required"] as readonly string[]) : [];
  for (const name of required)
    if (!Object.hasOwn(value, name)) check.problems.push(`${path}.${name} is missing`);
  const properties = objectOf(schema["properties"]) ?? {};
  const rest = schema["additionalProperties"];
  for (const [name, item] of Object.entries(value)) {
    if (Object.hasOwn(properties, name)) checkValue(check, properties[name], item, `${path}.${name}`);
    // A name that only a pattern would allow can't be told from one that nothing allows.
    else if (rest !== undefined && schema["patternProperties"] === undefined)
      checkValue(check, rest, item, `${path}.${name}`);
  }
}

function isType(value: JsonValue, type: string): boolean {
  if (type === "integer") return Number.isInteger(value);
  return typeOf(value) === type;
}

function typeOf(value: JsonValue): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function named(type: string): string {
  return type === "null" ? type : /^[aeio]/.test(type) ? `an ${type}` : `a ${type}`;
}

function objectOf(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined;
}
