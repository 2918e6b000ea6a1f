import type { Scratch } from "./scratch.js";

/** Writes the keys and commas of one JSON object; the values are written by whoever asked for the key. */
export class JsonObject {
  #first = true;

  constructor(readonly scratch: Scratch) {
    scratch.ascii("{");
  }

  key(name: string): Scratch {
    this.scratch.ascii(`${this.#first ? "" : ","}"${name}":`);
    this.#first = false;
    return this.scratch;
  }

  close(): void {
    this.scratch.ascii("}");
  }
}
