/** The table of messages.ts, indexed the way the codecs walk it. */
import {
  ENUMS,
  MESSAGES,
  type FieldSpec,
  type MessageName,
  type MessageTypes,
  type ScalarType,
} from "./messages.js";
import type { Signal } from "./types.js";
import { WIRE_BYTES, WIRE_FIXED32, WIRE_FIXED64, WIRE_VARINT } from "./wire-reader.js";

/** A message as the table-driven codecs see it. */
export type Plain = Record<string, unknown>;

/** One field, with everything that a codec asks of it. */
export interface Field {
  readonly name: string;
  readonly number: number;
  readonly scalar: ScalarType | undefined;
  readonly message: Message | undefined;
  readonly repeated: boolean;
  /** A scalar without presence: absent and default are the same. */
  readonly implicit: boolean;
  /** Other members of the same oneof: setting this field clears them. */
  readonly rivals: readonly string[];
  readonly wireType: number;
  readonly enumNames: readonly string[] | undefined;
}

/** One message. `byTag` holds a field at its tag, and a repeated number also at its packed tag. */
export interface Message {
  readonly name: MessageName;
  readonly fields: readonly Field[];
  readonly byTag: readonly (Field | undefined)[];
  readonly defaults: Plain;
  readonly lists: readonly string[];
  /** An array or a key-value list: what the nesting limit counts. */
  readonly container: boolean;
}

const WIRE_TYPES: Readonly<Record<ScalarType, number>> = {
  string: WIRE_BYTES,
  hex: WIRE_BYTES,
  bytes: WIRE_BYTES,
  bool: WIRE_VARINT,
  int32: WIRE_VARINT,
  uint32: WIRE_VARINT,
  sint32: WIRE_VARINT,
  enum: WIRE_VARINT,
  int64: WIRE_VARINT,
  uint64: WIRE_VARINT,
  fixed32: WIRE_FIXED32,
  fixed64: WIRE_FIXED64,
  sfixed64: WIRE_FIXED64,
  double: WIRE_FIXED64,
};

const DEFAULTS: Readonly<Record<ScalarType, unknown>> = {
  string: "",
  hex: "",
  bytes: new Uint8Array(0),
  bool: false,
  int32: 0,
  uint32: 0,
  sint32: 0,
  enum: 0,
  int64: 0n,
  uint64: 0n,
  fixed32: 0,
  fixed64: 0n,
  sfixed64: 0n,
  double: 0,
};

interface MutableMessage extends Message {
  fields: Field[];
  byTag: (Field | undefined)[];
  lists: string[];
}

function isScalar(type: ScalarType | MessageName): type is ScalarType {
  return Object.hasOwn(WIRE_TYPES, type);
}

function compile(): Readonly<Record<MessageName, Message>> {
  const names = Object.keys(MESSAGES) as MessageName[];
  const messages = Object.fromEntries(
    names.map((name): [MessageName, MutableMessage] => [
      name,
      {
        name,
        fields: [],
        byTag: [],
        defaults: {},
        lists: [],
        container: name === "ArrayValue" || name === "KeyValueList",
      },
    ]),
  ) as Record<MessageName, MutableMessage>;
  for (const name of names) fill(messages[name], messages);
  return messages;
}

function fill(message: MutableMessage, messages: Readonly<Record<MessageName, Message>>): void {
  const specs: readonly [string, FieldSpec][] = Object.entries<FieldSpec>(MESSAGES[message.name]);
  for (const [name, spec] of specs) {
    const scalar = isScalar(spec.type) ? spec.type : undefined;
    const field: Field = {
      name,
      number: spec.number,
      scalar,
      message: isScalar(spec.type) ? undefined : messages[spec.type],
      repeated: spec.repeated ?? false,
      implicit: scalar !== undefined && !spec.repeated && !spec.optional && spec.oneof === undefined,
      rivals: specs
        .filter(([other, { oneof }]) => oneof !== undefined && oneof === spec.oneof && other !== name)
        .map(([other]) => other),
      wireType: scalar === undefined ? WIRE_BYTES : WIRE_TYPES[scalar],
      enumNames: spec.enum === undefined ? undefined : ENUMS[spec.enum],
    };
    message.fields.push(field);
    message.byTag[spec.number * 8 + field.wireType] = field;
    if (field.repeated) {
      message.byTag[spec.number * 8 + WIRE_BYTES] = field;
      message.lists.push(name);
    }
    if (field.implicit && scalar !== undefined) message.defaults[name] = DEFAULTS[scalar];
    else if (field.repeated) message.defaults[name] = undefined;
  }
  message.fields.sort((a, b) => a.number - b.number);
  for (let tag = 0; tag < message.byTag.length; tag++) message.byTag[tag] ??= undefined;
}

/** Every message of OTLP, compiled. */
export const COMPILED: Readonly<Record<MessageName, Message>> = compile();

/** The request message of each signal. */
export const ROOTS: Readonly<Record<Signal, Message>> = {
  traces: COMPILED.TracesData,
  logs: COMPILED.LogsData,
  metrics: COMPILED.MetricsData,
};

/** A message with every list empty and every scalar at its default. */
export function emptyMessage(message: Message): Plain {
  const plain = { ...message.defaults };
  for (const name of message.lists) plain[name] = [];
  return plain;
}

/** The same, typed by name: for code that builds OTLP by hand. */
export function createMessage<M extends MessageName>(
  name: M,
  members: Partial<MessageTypes[M]> = {},
): MessageTypes[M] {
  return { ...emptyMessage(COMPILED[name]), ...members } as MessageTypes[M];
}
