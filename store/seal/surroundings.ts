import {
  decodeMessage,
  dialectsOfScope,
  type InstrumentationScope,
  type Resource,
  TELLING_RESOURCE_VALUES,
} from "../../schema/index.js";
import type { EnvelopeWalker } from "./envelope.js";
import type { Range } from "./envelope-texts.js";
import type { WireReader } from "./wire.js";

/** What is known of a scope and its resource: used by all their records. */
export interface Surroundings {
  readonly scope: InstrumentationScope | undefined;
  /** Decoded when it is asked for: most records are read without it, and small requests have one for a few records. */
  readonly resource: Resource | undefined;
  /** Whether either alone names a dialect. */
  readonly dialects: boolean;
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

/** A resource by its bytes; undefined: absent. */
class LazyResource {
  readonly #bytes: Buffer | undefined;
  #decoded: Resource | undefined;

  constructor(bytes: Buffer | undefined) {
    // A copy, because the memory of requests is used again.
    this.#bytes = bytes && Buffer.from(bytes);
  }

  isSame(bytes: Buffer | undefined): boolean {
    return isSame(bytes, this.#bytes);
  }

  /** False only when it names no dialect. */
  mayTell(): boolean {
    const bytes = this.#bytes;
    return bytes !== undefined && TELLING_RESOURCE_VALUES.some((value) => bytes.includes(value));
  }

  get(): Resource | undefined {
    if (this.#bytes === undefined) return undefined;
    this.#decoded ??= decodeMessage("Resource", this.#bytes);
    return this.#decoded;
  }
}

class ReadSurroundings implements Surroundings {
  readonly dialects: boolean;

  constructor(
    readonly scope: InstrumentationScope | undefined,
    readonly lazy: LazyResource,
  ) {
    const told = lazy.mayTell() ? lazy.get() : undefined;
    this.dialects = dialectsOfScope(scope?.name ?? "", told).length > 0;
  }

  get resource(): Resource | undefined {
    return this.lazy.get();
  }
}

/** The scope and the resource of the record at hand. */
export class SurroundingsReader {
  #last = new ReadSurroundings(undefined, new LazyResource(undefined));
  /** A copy, likewise. Undefined: absent. */
  #scopeBytes: Buffer | undefined;
  #entered = 0;

  constructor(readonly reader: WireReader) {}

  at(walker: EnvelopeWalker): Surroundings {
    if (this.#entered === walker.scopes) return this.#last;
    this.#entered = walker.scopes;
    const last = this.#last;
    const scopeBytes = this.#part(walker.scope);
    const resourceBytes = this.#part(walker.resource);
    const isSameScope = isSame(scopeBytes, this.#scopeBytes);
    const isSameResource = last.lazy.isSame(resourceBytes);
    if (isSameScope && isSameResource) return last;
    const scope = isSameScope ? last.scope : scopeBytes && decodeMessage("InstrumentationScope", scopeBytes);
    const lazy = isSameResource ? last.lazy : new LazyResource(resourceBytes);
    this.#last = new ReadSurroundings(scope, lazy);
    if (!isSameScope) this.#scopeBytes = scopeBytes && Buffer.from(scopeBytes);
    return this.#last;
  }

  /** A view of a range of the request; undefined when it is absent. */
  #part({ start, end }: Range): Buffer | undefined {
    if (start < 0) return undefined;
    const { buffer, byteOffset } = this.reader.bytes;
    return Buffer.from(buffer, byteOffset + start, end - start);
  }
}
