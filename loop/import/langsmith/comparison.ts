import { createHash } from "node:crypto";

/** What two servers have of one type, in one project or dataset where there is one. */
export interface ComparedType {
  readonly type: string;
  /** Name of the project or dataset. */
  readonly of?: string;
  readonly there: SideOf;
  readonly here: SideOf;
  readonly missingHere: Ids;
  /** Not asked for where the other side may rightly have less. */
  readonly onlyHere: Ids;
  readonly differing: Ids;
  /** Why it could not be compared to the end. */
  readonly failed?: string;
}

/** One side: how many, and SHA-256 over the ids and hashes of all of them in the order of the ids. */
export interface SideOf {
  readonly count: number;
  readonly hash: string;
}

/** How many, and the first of them. */
export interface Ids {
  readonly count: number;
  readonly ids: readonly string[];
}

const IDS_SHOWN = 10;

/** Gathers the hashes of both sides. */
export class Comparison {
  readonly #there = new Map<string, string>();
  readonly #here = new Map<string, string>();

  there(id: string, hash: string): void {
    this.#there.set(id, hash);
  }

  here(id: string, hash: string): void {
    this.#here.set(id, hash);
  }

  /** Whether it is on the other side. */
  isThere(id: string): boolean {
    return this.#there.has(id);
  }

  result(type: string, of?: string, failed?: string): ComparedType {
    const missing = [...this.#there.keys()].filter((id) => !this.#here.has(id));
    const only = [...this.#here.keys()].filter((id) => !this.#there.has(id));
    const differing = [...this.#there].flatMap(([id, hash]) => {
      const here = this.#here.get(id);
      return here === undefined || here === hash ? [] : [id];
    });
    return {
      type,
      ...(of === undefined ? {} : { of }),
      there: sideOf(this.#there),
      here: sideOf(this.#here),
      missingHere: idsOf(missing),
      onlyHere: idsOf(only),
      differing: idsOf(differing),
      ...(failed === undefined ? {} : { failed }),
    };
  }
}

function sideOf(hashes: ReadonlyMap<string, string>): SideOf {
  const hash = createHash("sha256");
  for (const id of [...hashes.keys()].sort()) hash.update(`${id} ${hashes.get(id) ?? ""}\n`);
  return { count: hashes.size, hash: hash.digest("hex") };
}

function idsOf(ids: readonly string[]): Ids {
  return { count: ids.length, ids: [...ids].sort().slice(0, IDS_SHOWN) };
}
