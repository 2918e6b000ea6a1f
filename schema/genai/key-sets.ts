import type { NamedAttributes } from "./types.js";

/** Senders must not be able to fill memory: so many sets, of so many names, of so many characters together. */
const SETS_MAX = 256;
const NAMES_MAX = 96;
const CHARS_MAX = 4_096;

/** All names, each behind its length, as a name may hold any character; undefined when they are too many to be kept. */
export function signatureOf(attributes: Pick<NamedAttributes, "size" | "keys">): string | undefined {
  if (attributes.size > NAMES_MAX) return undefined;
  let signature = "";
  for (const name of attributes.keys()) signature += `${name.length}:${name}`;
  return signature.length > CHARS_MAX ? undefined : signature;
}

/** Remembers what follows from the names of a span's attributes alone: spans of one sender mostly have the same. */
export class ByNames<T> {
  readonly #known = new Map<string, T>();

  /** `signature` is one of {@link signatureOf}, maybe with something behind it. */
  get(signature: string | undefined, make: () => T): T {
    const known = signature === undefined ? undefined : this.#known.get(signature);
    if (known !== undefined) return known;
    const made = make();
    if (signature === undefined) return made;
    if (this.#known.size === SETS_MAX) this.#known.clear();
    this.#known.set(signature, made);
    return made;
  }
}
