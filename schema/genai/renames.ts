/**
 * Names that the GenAI conventions changed: what was written before and after, of attributes, of values, of metrics.
 * Both names of an attribute fill the same column; the lookups serve everything else that is stored under its own name.
 */

/** One rename. `since` is the version of the conventions, as far as their changelog says. */
export interface Rename {
  readonly kind: "attribute" | "metric" | "operation" | "event";
  readonly old: string;
  readonly new: string;
  readonly since: string;
  readonly note?: string;
}

/** In the order in which they happened. */
export const RENAMES: readonly Rename[] = [
  { kind: "attribute", old: "gen_ai.usage.prompt_tokens", new: "gen_ai.usage.input_tokens", since: "1.27" },
  {
    kind: "attribute",
    old: "gen_ai.usage.completion_tokens",
    new: "gen_ai.usage.output_tokens",
    since: "1.27",
  },
  { kind: "attribute", old: "deployment.environment", new: "deployment.environment.name", since: "1.27" },
  {
    kind: "attribute",
    old: "gen_ai.prompt",
    new: "gen_ai.input.messages",
    since: "1.37",
    note: "gen_ai.prompt was deprecated in 1.28 without a successor; 1.37 gave it one.",
  },
  { kind: "attribute", old: "gen_ai.completion", new: "gen_ai.output.messages", since: "1.37" },
  { kind: "attribute", old: "gen_ai.system", new: "gen_ai.provider.name", since: "1.37" },
  {
    kind: "attribute",
    old: "gen_ai.openai.request.response_format",
    new: "gen_ai.output.type",
    since: "1.37",
  },
  {
    kind: "attribute",
    old: "gen_ai.openai.request.service_tier",
    new: "openai.request.service_tier",
    since: "1.37",
  },
  {
    kind: "attribute",
    old: "gen_ai.openai.response.service_tier",
    new: "openai.response.service_tier",
    since: "1.37",
  },
  {
    kind: "attribute",
    old: "gen_ai.openai.response.system_fingerprint",
    new: "openai.response.system_fingerprint",
    since: "1.37",
  },
  {
    kind: "event",
    old: "gen_ai.{system,user,assistant,tool}.message, gen_ai.choice",
    new: "gen_ai.client.inference.operation.details",
    since: "1.37",
  },
  {
    kind: "attribute",
    old: "gen_ai.usage.cache_creation.input_tokens",
    new: "gen_ai.usage.cache_write.input_tokens",
    since: "1.42-dev",
  },
  {
    kind: "attribute",
    old: "gen_ai.request.top_k",
    new: "gen_ai.retrieval.top_k",
    since: "1.42-dev",
    note: "On retrieval spans only; on inference spans gen_ai.request.top_k became an int.",
  },
  {
    kind: "metric",
    old: "gen_ai.client.operation.duration",
    new: "gen_ai.client.inference.duration",
    since: "1.42-dev",
  },
  {
    kind: "metric",
    old: "gen_ai.client.operation.time_to_first_chunk",
    new: "gen_ai.client.inference.time_to_first_chunk",
    since: "1.42-dev",
  },
  {
    kind: "metric",
    old: "gen_ai.client.operation.time_per_output_chunk",
    new: "gen_ai.client.inference.time_per_output_chunk",
    since: "1.42-dev",
  },
  {
    kind: "metric",
    old: "gen_ai.client.token.usage",
    new: "gen_ai.client.inference.usage.*",
    since: "1.42-dev",
    note: "One histogram by gen_ai.token.type became one counter for each kind of token.",
  },
  {
    kind: "metric",
    old: "gen_ai.workflow.duration",
    new: "gen_ai.invoke_workflow.duration",
    since: "1.42-dev",
  },
  {
    kind: "operation",
    old: "invoke_agent",
    new: "handle_conversation_turn",
    since: "proposed",
    note: "Only a proposal; both are read as a chain.",
  },
];

const newer = new Map(RENAMES.map((rename) => [rename.old, rename.new]));
const older = new Map<string, string[]>();
for (const rename of RENAMES) older.set(rename.new, [...(older.get(rename.new) ?? []), rename.old]);

/** The name that took this one's place, through all renames; the name itself when it is current or unknown. */
export function currentName(name: string): string {
  const next = newer.get(name);
  return next === undefined || next === name ? name : currentName(next);
}

/** Names that this one took the place of, newest first. */
export function formerNames(name: string): readonly string[] {
  return (older.get(name) ?? []).flatMap((old) => [old, ...formerNames(old)]);
}
