import { WIRE_BYTES, WireReader } from "./wire-reader.js";

/** In a traces request field 1 holds the resources, in a resource field 2 the scopes. */
const SCOPES_PATH = [1, 2];
/** In a scope's message: field 1 is what it is called by, field 2 a span. */
const SCOPE_TAG = 0x0a;
const SPAN_TAG = 0x12;
const NAME_TAG = 0x0a;

/** Names of the scopes with spans in a valid traces request, each once, at most `max`; "" for a scope without a name. */
export function scopeNames(body: Uint8Array, max: number): string[] {
  const names = new Set<string>();
  collect(new WireReader(body), 0, { names, max });
  return [...names];
}

interface Found {
  readonly names: Set<string>;
  readonly max: number;
}

function collect(reader: WireReader, level: number, found: Found): void {
  const number = SCOPES_PATH[level];
  if (number === undefined) return collectOne(reader, found);
  while (reader.more() && found.names.size < found.max) {
    const tag = reader.tag();
    if (tag >>> 3 !== number || (tag & 7) !== WIRE_BYTES) {
      reader.skip(tag & 7);
      continue;
    }
    const outer = reader.enter();
    const end = reader.limit;
    collect(reader, level + 1, found);
    reader.pos = end;
    reader.leave(outer);
  }
}

function collectOne(reader: WireReader, { names }: Found): void {
  let name = "";
  let hasSpan = false;
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === SPAN_TAG) hasSpan = true;
    if (tag !== SCOPE_TAG) {
      reader.skip(tag & 7);
      continue;
    }
    const outer = reader.enter();
    while (reader.more()) {
      const inner = reader.tag();
      if (inner === NAME_TAG) name = reader.string();
      else reader.skip(inner & 7);
    }
    reader.leave(outer);
  }
  if (hasSpan) names.add(name);
}
