const WORDS =
  "the agent asks whether a deposit is refundable and reads every policy that the customer may mean before it answers with the amount due on this account today".split(
    " ",
  );

/** Sentences that repeat little, the same for the same seed. */
export class TextMaker {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  /** About so many characters. */
  sentence(chars: number): string {
    let text = "";
    while (text.length < chars) text += `${WORDS[this.#next() % WORDS.length]} ${this.#next() % 1_000} `;
    return text;
  }

  #next(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state >>> 8;
  }
}
