/** Characters a token has on average in English text, the usual rule of thumb. */
const CHARACTERS_PER_TOKEN = 4;

/** Providers cache prompts in blocks; the stand-in's are this many tokens. */
const CACHE_BLOCK_TOKENS = 64;

/** Prompts the cache remembers. */
const PROMPTS_MAX = 64;

/** Tokens of a text, about. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN);
}

/** Remembers prompts, and says how much of a new one begins like an earlier one. */
export class PromptCache {
  readonly #prompts: string[] = [];

  /** Tokens of the longest known beginning, in whole blocks; the prompt is remembered. */
  read(prompt: string): number {
    let longest = 0;
    for (const known of this.#prompts) longest = Math.max(longest, commonLength(known, prompt));
    this.#prompts.push(prompt);
    if (this.#prompts.length > PROMPTS_MAX) this.#prompts.shift();
    return Math.floor(countTokens(prompt.slice(0, longest)) / CACHE_BLOCK_TOKENS) * CACHE_BLOCK_TOKENS;
  }
}

function commonLength(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a.charCodeAt(length) === b.charCodeAt(length)) length += 1;
  return length;
}
