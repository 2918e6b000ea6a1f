import { type AnyValue, decodeMessage, type NamedAttributes, signatureOf } from "../../schema/index.js";
import {
  type AttributeList,
  TYPE_ABSENT,
  TYPE_BOOL,
  TYPE_BYTES,
  TYPE_DOUBLE,
  TYPE_EMPTY,
  TYPE_INT,
  TYPE_STRING,
} from "./attribute-list.js";
import { KNOWN_KEYS } from "./key-classes.js";
import { hash } from "./key-table.js";
import { doubleOf, IN_SCRATCH } from "./scratch.js";

/** Keys that are no known ones, as text: the last one of each slot. */
const KEY_SLOTS = 1_024;
const KEY_BYTES_MAX = 128;

/** Names in their order. */
interface Shape {
  readonly names: readonly string[];
  readonly places: ReadonlyMap<string, number>;
  readonly signature: string;
}

/** Senders must not be able to fill memory with shapes. */
const SHAPES_MAX = 256;
const SHAPE_KEYS_MAX = 96;
const RECENT_MAX = 8;
let shapesMade = 0;

function hasNames(shape: Shape, names: readonly string[]): boolean {
  if (shape.names.length !== names.length) return false;
  for (let at = 0; at < names.length; at++) if (shape.names[at] !== names[at]) return false;
  return true;
}

/** The attributes of a list for the rules: each key and value is made only when a rule asks for it. */
export class ListAttributes implements NamedAttributes {
  /** Places in the list, by key. */
  #at: ReadonlyMap<string, number> = new Map();
  signature: string | undefined;
  readonly #names: string[] = [];
  /** Spans of one sender have the same keys in the same order: those met lately, and all that are remembered. */
  readonly #recent: Shape[] = [];
  readonly #shapes = new Map<string, Shape>();
  #values: (AnyValue | undefined)[] = [];
  readonly #keys: ({ readonly bytes: Uint8Array; readonly text: string } | undefined)[] = [];

  constructor(readonly list: AttributeList) {
    this.#keys.length = KEY_SLOTS;
  }

  /** Takes up the span that the list has now. */
  reset(): void {
    const { list } = this;
    const names = this.#names;
    names.length = list.count;
    this.#values = [];
    let isWhole = list.count <= SHAPE_KEYS_MAX;
    for (let at = 0; at < list.count; at++) {
      names[at] = this.#key(at);
      if (list.type[at] === TYPE_ABSENT) isWhole = false;
    }
    const shape = isWhole ? this.#shape(names) : undefined;
    this.signature = shape?.signature;
    this.#at = shape?.places ?? this.#placesWithValue(names);
  }

  #placesWithValue(names: readonly string[]): ReadonlyMap<string, number> {
    return new Map(
      names.flatMap((name, at) => (this.list.type[at] === TYPE_ABSENT ? [] : [[name, at] as const])),
    );
  }

  #shape(names: readonly string[]): Shape | undefined {
    const recent = this.#recent.find((shape) => hasNames(shape, names));
    if (recent !== undefined) return recent;
    const places = new Map(names.map((name, at) => [name, at]));
    const signature = signatureOf(places);
    if (signature === undefined) return undefined;
    const shape = this.#shapes.get(signature) ?? {
      names: [...names],
      places,
      // Short, as it becomes part of other keys; no other shape ever gets it.
      signature: `=${shapesMade++}=`,
    };
    if (this.#shapes.size >= SHAPES_MAX) this.#shapes.clear();
    this.#shapes.set(signature, shape);
    this.#recent.unshift(shape);
    if (this.#recent.length > RECENT_MAX) this.#recent.length = RECENT_MAX;
    return shape;
  }

  get size(): number {
    return this.#at.size;
  }

  keys(): Iterable<string> {
    return this.#at.keys();
  }

  has(name: string): boolean {
    return this.#at.has(name);
  }

  /** The place in the list; -1 when it is not there. */
  place(name: string): number {
    return this.#at.get(name) ?? -1;
  }

  get(name: string): AnyValue | undefined {
    const at = this.#at.get(name);
    if (at === undefined) return undefined;
    const value = this.#values[at] ?? this.#read(at);
    this.#values[at] = value;
    return value;
  }

  #key(at: number): string {
    const { list } = this;
    const id = list.keyId[at] as number;
    if (id >= 0) return KNOWN_KEYS[id] as string;
    const offset = list.keyOffset[at] as number;
    const length = list.keyLength[at] as number;
    if (offset >= IN_SCRATCH || length === 0 || length > KEY_BYTES_MAX) return this.#text(offset, length);
    const { bytes } = list.reader;
    const slot = hash(bytes, offset, length) & (KEY_SLOTS - 1);
    const known = this.#keys[slot];
    if (known !== undefined && isSame(known.bytes, bytes, offset, length)) return known.text;
    const text = this.#text(offset, length);
    this.#keys[slot] = { bytes: bytes.slice(offset, offset + length), text };
    return text;
  }

  #read(at: number): AnyValue {
    const { list } = this;
    const offset = list.valueOffset[at] as number;
    const length = list.valueLength[at] as number;
    const [lo, hi] = [list.lo[at] as number, list.hi[at] as number];
    switch (list.type[at] as number) {
      case TYPE_STRING:
        return { stringValue: this.#text(offset, length) };
      case TYPE_INT:
        return { intValue: (BigInt(hi | 0) << 32n) | BigInt(lo) };
      case TYPE_DOUBLE:
        return { doubleValue: doubleOf(lo, hi) };
      case TYPE_BOOL:
        return { boolValue: lo !== 0 || hi !== 0 };
      case TYPE_BYTES:
        return { bytesValue: list.reader.bytes.slice(offset, offset + length) };
      case TYPE_EMPTY:
        return {};
      default:
        return decodeMessage("AnyValue", list.reader.bytes.subarray(offset, offset + length));
    }
  }

  #text(offset: number, length: number): string {
    const inScratch = offset >= IN_SCRATCH;
    const { buffer, byteOffset } = inScratch ? this.list.scratch.bytes : this.list.reader.bytes;
    const start = byteOffset + (inScratch ? offset - IN_SCRATCH : offset);
    return Buffer.from(buffer, start, length).toString("utf8");
  }
}

function isSame(key: Uint8Array, bytes: Uint8Array, offset: number, length: number): boolean {
  if (key.length !== length) return false;
  for (let index = 0; index < length; index++) if (key[index] !== bytes[offset + index]) return false;
  return true;
}
