/** Made-up conversations: text with a long-tailed distribution of words, as in language, the same for the same seed. */

const SYLLABLES =
  "re com in de pro con ex per sub trans ta ti to ra ri ro la li lo ma mi mo na ni no sa si so va vi vo ble tion ment ing er est ly ness able ous ive al ic ist ure age ance ence ent ant ate ify ize ed ship".split(
    " ",
  );
const VOCABULARY_WORDS = 4_000;

/** Mulberry32: small, fast, the same everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** Lengths of the messages of one turn, characters: question, then a call and its result for each tool, then the answer. */
const CALL_CHARS = 90;
const RESULT_CHARS = 500;
const ANSWER_CHARS = 600;
const QUESTION_CHARS = 200;

/** Tool calls of one turn. */
export const TOOLS_PER_TURN = 3;
/** Messages of one turn. */
export const MESSAGES_PER_TURN = 2 + 2 * TOOLS_PER_TURN;

/** Writes conversations from a seed. */
export class Texts {
  readonly #random: () => number;
  readonly #words: readonly string[];

  constructor(seed: number) {
    this.#random = random(seed);
    this.#words = Array.from({ length: VOCABULARY_WORDS }, () =>
      Array.from({ length: 1 + this.#below(3) }, () => SYLLABLES[this.#below(SYLLABLES.length)]).join(""),
    );
  }

  /** The messages of a conversation as JSON texts in the GenAI convention's shape, MESSAGES_PER_TURN for each turn. */
  conversation(turns: number): string[] {
    const messages: string[] = [];
    const add = (role: string, part: object): number =>
      messages.push(JSON.stringify({ role, parts: [part] }));
    for (let turn = 0; turn < turns; turn += 1) {
      add("user", { type: "text", content: this.#text(QUESTION_CHARS) });
      for (let tool = 0; tool < TOOLS_PER_TURN; tool += 1) {
        const id = `call_${this.#below(2 ** 31).toString(16)}`;
        const name = `tool_${this.#below(12)}`;
        add("assistant", { type: "tool_call", id, name, arguments: { query: this.#text(CALL_CHARS) } });
        add("tool", { type: "tool_call_response", id, result: this.#text(RESULT_CHARS) });
      }
      add("assistant", { type: "text", content: this.#text(ANSWER_CHARS) });
    }
    return messages;
  }

  /** Words up to about twice the length, half of it at least. */
  #text(chars: number): string {
    const length = chars / 2 + this.#below(chars);
    let out = "";
    while (out.length < length) {
      const word = this.#words[Math.floor(VOCABULARY_WORDS * this.#random() ** 3)] ?? "";
      out += `${out === "" ? "" : " "}${word}${this.#random() < 0.08 ? "." : ""}`;
    }
    return out;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
