/** Providers that speak OpenAI's API at hosts of their own, by the conventions' names. */
const PROVIDER_BY_HOST: readonly (readonly [suffix: string, provider: string])[] = [
  ["openai.azure.com", "azure.ai.openai"],
  ["services.ai.azure.com", "azure.ai.inference"],
  ["api.deepseek.com", "deepseek"],
  ["api.groq.com", "groq"],
  ["api.mistral.ai", "mistral_ai"],
  ["api.perplexity.ai", "perplexity"],
  ["api.x.ai", "x_ai"],
  ["api.moonshot.ai", "moonshot_ai"],
  ["generativelanguage.googleapis.com", "gcp.gemini"],
  ["aiplatform.googleapis.com", "gcp.vertex_ai"],
];

/** The provider behind an OpenAI-shaped client: by host, then by the client's class; openai when neither says more. */
export function providerOf(client: object, host: string | undefined): string {
  for (const [suffix, provider] of PROVIDER_BY_HOST) {
    if (
      host !== undefined &&
      (host === suffix || host.endsWith(`.${suffix}`) || host.endsWith(`-${suffix}`))
    ) {
      return provider;
    }
  }
  return client.constructor.name === "AzureOpenAI" ? "azure.ai.openai" : "openai";
}
