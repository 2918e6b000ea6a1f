import { DIALECTS, LAST_RESORTS } from "./dialects/index.js";
import { OPERATION_ALIASES, OPERATION_RUN_TYPES } from "./operations.js";
import { FRAMEWORKS, PROVIDER_ALIASES } from "./providers.js";
import { RENAMES } from "./renames.js";
import { RULE_SET_VERSION } from "./rules.js";
import { type Dialect, GENAI_COLUMNS, type Rule, USAGE_DETAILS } from "./types.js";

/** The text of `docs/dialects.md`, made from the rule tables alone; a test keeps the file equal to it. */
export function dialectsPage(): string {
  return `${[
    introduction(),
    "## Dialects, in order of authority",
    ...DIALECTS.map(dialectSection),
    precedenceSection(),
    valuesSection(),
    renamesSection(),
  ].join("\n\n")}\n`;
}

const code = (text: string): string => `\`${text}\``;
const codes = (texts: readonly string[]): string => texts.map(code).join(", ");

function introduction(): string {
  return `# Dialects

<!-- Made from schema/genai by test/schema/genai/dialects-page.test.ts; change the tables, not this page. -->

Agents emit spans in many dialects. Whatever they emit, the mirror fills the same columns of \`spans\`. This page lists,
for rule set version ${RULE_SET_VERSION}, which attributes fill which column. A span may speak several dialects; for each
column the first source that says something counts, in the order of this page. What no rule reads is kept raw in
\`attributes\`, and is never an error.

How a source is written:

| Source         | Meaning                                                             |
| -------------- | ------------------------------------------------------------------- |
| \`a.b\`          | the attribute                                                       |
| \`a.b#x.y\`      | the member \`x.y\` of the JSON in the attribute                       |
| \`a.b.*\`        | all attributes with that prefix together                            |
| \`@a.b\`         | span events of that name (\`@*\`: the conventions' message events)    |
| \`@a.b#c\`       | the attribute \`c\` of a span event                                   |
| \`@log:a.b#c\`   | the attribute \`c\` of a log record of that event in the span         |
| \`a.b\` + \`c.d\` | the sum of both, where both are there                                |
| \`(llm, chain)\` | only on spans of these run types                                    |

Messages, system instructions, tools and documents are translated to the JSON shape of the OpenTelemetry GenAI
conventions from: the conventions themselves, OpenAI Chat Completions and Responses, Anthropic, Gemini, Bedrock,
serialised LangChain messages, Pydantic AI histories, and the AI SDK. A value that is none of these becomes one message
with a part \`{"type": "generic", "value": ...}\`. System messages inside a list of messages stay there.

Usage: where \`total_tokens\` tells that the output leaves the reasoning tokens out, as Gemini's counts do, \`output_tokens\`
is the sum of both: reasoning is part of the output. \`usage_scope\` is \`rollup\` on chains (agents, workflows, steps), which repeat what the calls below them report, and
\`own\` elsewhere; sum over \`own\`. \`input_includes_cache\` is decided by arithmetic where the numbers tell, else by the
dialect. The JSON object \`usage_details\` holds ${codes(USAGE_DETAILS)} where reported.`;
}

function dialectSection(dialect: Dialect): string {
  const rows = GENAI_COLUMNS.flatMap((column) => {
    const rules = dialect.columns[column] ?? [];
    return rules.length === 0 ? [] : [`| ${code(column)} | ${rules.map(ruleText).join("; ")} |`];
  });
  return [
    `### ${dialect.title}`,
    "",
    `Name in the column \`dialect\`: ${dialect.name === "generic" ? "none" : code(dialect.name)}. ${detectionText(dialect)}`,
    ...(includesText(dialect) === "" ? [] : ["", includesText(dialect)]),
    ...(dialect.notes ?? []).flatMap((note) => ["", note]),
    ...(rows.length === 0 ? [] : ["", "| Column | Sources |", "| --- | --- |", ...rows]),
  ].join("\n");
}

function ruleText(rule: string | Rule): string {
  if (typeof rule === "string") return code(rule);
  const { from, plus, map, when } = rule;
  const mapped =
    map === undefined
      ? ""
      : `: ${Object.entries(map)
          .map(([value, result]) => `${value} → ${result}`)
          .join(", ")}`;
  return `${code(from)}${plus === undefined ? "" : ` + ${code(plus)}`}${when === undefined ? "" : ` (${when.join(", ")})`}${mapped}`;
}

function detectionText({ detect }: Dialect): string {
  const signs = [
    ...(detect.scopes === undefined ? [] : [`scope ${codes(detect.scopes)}`]),
    ...(detect.attributes === undefined ? [] : [`attribute ${codes(detect.attributes)}`]),
    ...Object.entries(detect.values ?? {}).map(([key, values]) => `${code(key)} = ${codes(values)}`),
    ...(detect.events === undefined ? [] : [`span event ${codes(detect.events)}`]),
    ...Object.entries(detect.resource ?? {}).map(
      ([key, values]) => `resource attribute ${code(key)} = ${codes(values)}`,
    ),
  ];
  return signs.length === 0 ? "Always read." : `Known by ${signs.join("; ")}.`;
}

function includesText({ inputIncludesCache: includes }: Dialect): string {
  if (includes === undefined) return "";
  if (typeof includes === "boolean")
    return `Its input tokens ${includes ? "include" : "leave out"} the cache tokens.`;
  const parts = Object.entries(includes).map(
    ([provider, value]) =>
      `${provider === "*" ? "other providers" : provider}: ${value ? "included" : "left out"}`,
  );
  return `Cache tokens in its input tokens: ${parts.join(", ")}.`;
}

function precedenceSection(): string {
  const rows = Object.entries(LAST_RESORTS).map(([column, names]) => `| ${code(column)} | ${codes(names)} |`);
  return `## Exceptions to the order\n\nFor these columns the dialects named come after all others.\n\n| Column | Dialects |\n| --- | --- |\n${rows.join("\n")}`;
}

function valuesSection(): string {
  const table = (rows: readonly (readonly [string, string])[]): string =>
    rows.map(([from, to]) => `| ${code(from)} | ${code(to)} |`).join("\n");
  return `## Values

Provider names become those of the conventions, in any case and with blanks or hyphens for \`_\`, after \`provider\` was cut at a dot or slash if need be (\`openai.chat\`). Names
of frameworks (${codes(FRAMEWORKS)}) are no providers. Without any, the model's name tells its maker.

| Emitted | Provider |
| --- | --- |
${table(Object.entries(PROVIDER_ALIASES))}

| Emitted | Operation |
| --- | --- |
${table(Object.entries(OPERATION_ALIASES))}

| Operation | Run type |
| --- | --- |
${table(Object.entries(OPERATION_RUN_TYPES))}

Finish reasons become \`stop\`, \`length\`, \`content_filter\`, \`tool_call\` or \`error\` where they mean that; others stay.`;
}

function renamesSection(): string {
  const rows = RENAMES.map(
    ({ kind, old, new: current, since, note }) =>
      `| ${kind} | ${code(old)} | ${code(current)} | ${since} | ${note ?? ""} |`,
  );
  return `## Names that the conventions changed\n\nBoth names are read.\n\n| What | Before | After | Since | Remark |\n| --- | --- | --- | --- | --- |\n${rows.join("\n")}`;
}
