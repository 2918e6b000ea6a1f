import {
  decodeMessage,
  dialectsOfScope,
  type InstrumentationScope,
  type Resource,
} from "../../schema/index.js";
import type { EnvelopeWalker } from "./envelope.js";
import type { Range } from "./envelope-texts.js";
import type { WireReader } from "./wire.js";

/** What is known of a scope and its resource: decoded once, used by all their records. */
export interface Surroundings {
  readonly scope: InstrumentationScope | undefined;
  readonly resource: Resource | undefined;
  /** Whether either alone names a dialect. */
  readonly dialects: boolean;
}

function isSame(a: Buffer | undefined, b: Buffer | undefined): boolean {
  return a === undefined || b === undefined ? a === b : a.equals(b);
}

/** The scope and the resource of the record at hand. */
export class SurroundingsReader {
  #last: Surroundings = { scope: undefined, resource: undefined, dialects: false };
  /** Copies, because the memory of requests is used again. Undefined: absent. */
  #scopeBytes: Buffer | undefined;
  #resourceBytes: Buffer | undefined;
  #entered = 0;

  constructor(readonly reader: WireReader) {}

  at(walker: EnvelopeWalker): Surroundings {
    if (this.#entered === walker.scopes) return this.#last;
    this.#entered = walker.scopes;
    const scopeBytes = this.#part(walker.scope);
    const resourceBytes = this.#part(walker.resource);
    if (isSame(scopeBytes, this.#scopeBytes) && isSame(resourceBytes, this.#resourceBytes)) return this.#last;
    this.#scopeBytes = scopeBytes && Buffer.from(scopeBytes);
    this.#resourceBytes = resourceBytes && Buffer.from(resourceBytes);
    const scope = scopeBytes && decodeMessage("InstrumentationScope", scopeBytes);
    const resource = resourceBytes && decodeMessage("Resource", resourceBytes);
    this.#last = { scope, resource, dialects: dialectsOfScope(scope?.name ?? "", resource).length > 0 };
    return this.#last;
  }

  /** A view of a range of the request; undefined when it is absent. */
  #part({ start, end }: Range): Buffer | undefined {
    if (start < 0) return undefined;
    const { buffer, byteOffset } = this.reader.bytes;
    return Buffer.from(buffer, byteOffset + start, end - start);
  }
}
