import { firstMember, isObject, type Json, type JsonObject, member, parsedIfJson } from "../json.js";

/**
 * Tool definitions of any provider as the conventions' `{type: "function", name, description?, parameters?}`: OpenAI's
 * nested ones, Anthropic's `input_schema`, the AI SDK's and MCP's `inputSchema`, Bedrock's `toolSpec`, Gemini's
 * `functionDeclarations`, JSON text of any of them, and bare names. What is none of these stays as it is.
 */
export function toTools(value: Json | undefined): Json[] {
  if (value === undefined || value === null || value === "") return [];
  if (Array.isArray(value)) return value.flatMap((item) => toTools(item));
  if (typeof value === "string") {
    const parsed = parsedIfJson(value);
    return typeof parsed === "string" ? [{ type: "function", name: parsed }] : toTools(parsed);
  }
  if (!isObject(value)) return [value];
  const listed = firstMember(value, "functionDeclarations", "function_declarations", "tools");
  if (Array.isArray(listed)) return toTools(listed);
  return [toTool(value)];
}

function toTool(tool: JsonObject): Json {
  const inner = firstMember(tool, "function", "toolSpec");
  if (isObject(inner)) return definition(inner, "function");
  const type = member(tool, "type");
  // A provider's own tool ({type: "web_search_20250305", name}) keeps its type and its settings.
  if (typeof type === "string" && type !== "function" && type !== "custom") return tool;
  if (typeof member(tool, "name") === "string") return definition(tool, "function");
  // {lookup_booking: {description, inputSchema}}: tools by name.
  const entries = Object.entries(tool);
  const named =
    entries.length > 0 && entries.every(([, item]) => isObject(item) && schemaOf(item) !== undefined);
  if (!named || entries.length > 1) return tool;
  const [entry] = entries;
  return entry === undefined || !isObject(entry[1])
    ? tool
    : definition({ name: entry[0], ...entry[1] }, "function");
}

function schemaOf(tool: JsonObject): Json | undefined {
  const schema = firstMember(
    tool,
    "parameters",
    "input_schema",
    "inputSchema",
    "parametersJsonSchema",
    "parameters_json_schema",
  );
  const text = typeof schema === "string" ? parsedIfJson(schema) : schema;
  // Bedrock and the AI SDK put the schema one level down.
  return firstMember(text, "json", "jsonSchema") ?? text;
}

const SCHEMA_NAMES = new Set([
  "parameters",
  "input_schema",
  "inputSchema",
  "parametersJsonSchema",
  "parameters_json_schema",
]);

function definition(tool: JsonObject, type: string): JsonObject {
  const { name = "", description } = tool;
  const parameters = schemaOf(tool);
  const rest = Object.entries(tool).filter(
    ([key]) => key !== "type" && key !== "name" && key !== "description" && !SCHEMA_NAMES.has(key),
  );
  return {
    type,
    name,
    ...(description === undefined || description === null ? {} : { description }),
    ...(parameters === undefined ? {} : { parameters }),
    ...Object.fromEntries(rest),
  };
}
