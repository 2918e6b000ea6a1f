/**
 * The conventions' provider names (`gen_ai.provider.name`): openai, anthropic, aws.bedrock, ... and what emitters write
 * instead. Compared in lower case, whole first, then up to the first dot or slash (`openai.chat`, `azure/eu`),
 * each also with `_` for blanks and hyphens (`Azure OpenAI`).
 */

/** Values of the conventions' enum. */
export const PROVIDERS: readonly string[] = [
  "openai",
  "anthropic",
  "cohere",
  "aws.bedrock",
  "azure.ai.openai",
  "azure.ai.inference",
  "gcp.gemini",
  "gcp.vertex_ai",
  "gcp.gen_ai",
  "ibm.watsonx.ai",
  "mistral_ai",
  "deepseek",
  "groq",
  "perplexity",
  "x_ai",
  "moonshot_ai",
];

/** Other spellings: semconv before 1.37, OpenInference, Traceloop, the AI SDK, LiteLLM, LangSmith. */
export const PROVIDER_ALIASES: Readonly<Record<string, string>> = {
  "az.ai.openai": "azure.ai.openai",
  "az.ai.inference": "azure.ai.inference",
  azure: "azure.ai.openai",
  azure_openai: "azure.ai.openai",
  "azure-openai": "azure.ai.openai",
  azureopenai: "azure.ai.openai",
  azure_ai: "azure.ai.inference",
  azure_ai_inference: "azure.ai.inference",
  gemini: "gcp.gemini",
  google: "gcp.gemini",
  "google.generative-ai": "gcp.gemini",
  google_genai: "gcp.gemini",
  googleai: "gcp.gemini",
  google_ai: "gcp.gemini",
  google_ai_studio: "gcp.gemini",
  "google-gla": "gcp.gemini",
  "google.vertex": "gcp.vertex_ai",
  vertex_ai: "gcp.vertex_ai",
  vertexai: "gcp.vertex_ai",
  vertex_ai_beta: "gcp.vertex_ai",
  google_vertexai: "gcp.vertex_ai",
  google_anthropic_vertex: "gcp.vertex_ai",
  "google-vertex": "gcp.vertex_ai",
  "vertex.anthropic": "gcp.vertex_ai",
  "amazon-bedrock": "aws.bedrock",
  amazon_bedrock: "aws.bedrock",
  aws_bedrock: "aws.bedrock",
  bedrock: "aws.bedrock",
  bedrock_converse: "aws.bedrock",
  aws: "aws.bedrock",
  mistral: "mistral_ai",
  mistralai: "mistral_ai",
  xai: "x_ai",
  "x.ai": "x_ai",
  grok: "x_ai",
  cohere_chat: "cohere",
  "text-completion-openai": "openai",
  ibm: "ibm.watsonx.ai",
  ibm_watsonx: "ibm.watsonx.ai",
  watsonx: "ibm.watsonx.ai",
  moonshot: "moonshot_ai",
  moonshotai: "moonshot_ai",
};

/** Names of frameworks that emitters put where the provider belongs: they fill nothing. */
export const FRAMEWORKS: readonly string[] = [
  "langchain",
  "langgraph",
  "strands-agents",
  "strands",
  "microsoft.agent_framework",
  "gcp.vertex.agent",
  "llamaindex",
  "crewai",
  "haystack",
  "autogen",
  "mcp",
  "_other",
];

const KNOWN = new Set(PROVIDERS);
const ALIASES = new Map(Object.entries(PROVIDER_ALIASES));
const NOT_PROVIDERS = new Set(FRAMEWORKS);

function knownProvider(name: string): string | undefined {
  return KNOWN.has(name) ? name : ALIASES.get(name);
}

/** The conventions' name of a provider; undefined for a framework's name, an unknown one stays as it is. */
export function toProvider(name: string): string | undefined {
  const lower = name.trim().toLowerCase();
  if (lower === "" || NOT_PROVIDERS.has(lower)) return undefined;
  for (
    let end = lower.length;
    end > 0;
    end = Math.max(lower.lastIndexOf(".", end - 1), lower.lastIndexOf("/", end - 1))
  ) {
    const head = lower.slice(0, end);
    const known = knownProvider(head) ?? knownProvider(head.replace(/[\s-]+/g, "_"));
    if (known !== undefined) return known;
  }
  return name;
}

/** Makers of models by how their names begin, for spans that name a model and no provider. */
export const MODEL_MAKERS: Readonly<Record<string, string>> = {
  "gpt-": "openai",
  "chatgpt-": "openai",
  "text-embedding-3": "openai",
  "text-embedding-ada": "openai",
  "o1-": "openai",
  "o3-": "openai",
  "o4-mini": "openai",
  "claude-": "anthropic",
  "gemini-": "gcp.gemini",
  "mistral-": "mistral_ai",
  "deepseek-": "deepseek",
  "grok-": "x_ai",
  "command-": "cohere",
  "sonar-": "perplexity",
  "kimi-": "moonshot_ai",
  "anthropic.claude-": "aws.bedrock",
  "amazon.nova-": "aws.bedrock",
  "amazon.titan-": "aws.bedrock",
};

const MAKERS = Object.entries(MODEL_MAKERS);

/** The maker of a model by its name; undefined when the name does not tell. */
export function providerOfModel(model: string): string | undefined {
  const lower = model.toLowerCase().replace(/^(?:us|eu|apac|global)\.(?=[a-z]+\.)/, "");
  return MAKERS.find(([start]) => lower.startsWith(start))?.[1];
}
