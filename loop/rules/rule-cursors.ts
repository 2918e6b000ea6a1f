import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * How far each rule has come, in a file of the data directory. What a rule does has ids that are computed, so a cursor that
 * is lost or old costs only looking again; it is replaced as a whole and not synced.
 */
export class RuleCursors {
  readonly #path: string;
  #seqs: Map<string, number> | undefined;
  #written = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Seqs by rule id; those that the file does not have are absent. A file that can't be read counts as empty. */
  async read(): Promise<Map<string, number>> {
    if (this.#seqs === undefined) {
      const entries = await readFile(this.#path, "utf8")
        .then(
          (text) => Object.entries(JSON.parse(text) as Record<string, unknown>),
          () => [],
        )
        .catch(() => []);
      this.#seqs = new Map(
        entries.flatMap(([id, seq]): [string, number][] =>
          typeof seq === "number" && Number.isSafeInteger(seq) && seq >= 0 ? [[id, seq]] : [],
        ),
      );
    }
    return this.#seqs;
  }

  /** Keeps exactly these. */
  async write(seqs: ReadonlyMap<string, number>): Promise<void> {
    const text = `${JSON.stringify(Object.fromEntries(seqs))}\n`;
    if (text === this.#written) return;
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
    const temporary = `${this.#path}.tmp`;
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, this.#path);
    this.#written = text;
  }
}
