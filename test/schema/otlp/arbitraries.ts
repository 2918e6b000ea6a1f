/** fast-check arbitraries of OTLP objects, generated from the message table; the oracle knows nothing of it. */
import * as fc from "fast-check";
import {
  MESSAGES,
  type FieldSpec,
  type MessageName,
  type SignalData,
  type Signal,
} from "../../../schema/index.js";

const UINT64_MAX = 2n ** 64n - 1n;
const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: "grapheme", maxLength: 8 }),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "",
    "\u0000",
    "\u202egpj.exe",
    "\ufeffx",
    "é",
    "e\u0301",
  ),
);
const double = fc.oneof(
  fc.double(),
  fc.constantFrom(-0, 0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, 1e21, 3),
);
const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(0n, -1n, 1n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n),
);
const uint64 = fc.oneof(fc.bigInt({ min: 0n, max: UINT64_MAX }), fc.constantFrom(0n, UINT64_MAX, 127n, 128n));
const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const int32 = fc.oneof(fc.nat(6), fc.integer());
const hexOf = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((id) => Buffer.from(id).toString("hex"));
const id = fc.oneof(
  { weight: 6, arbitrary: hexOf(16) },
  { weight: 6, arbitrary: hexOf(8) },
  { weight: 1, arbitrary: fc.constantFrom("", "00", "0000000000000000", "00000000000000000000000000000000") },
);

const SCALARS: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: text,
  hex: id,
  bytes: fc.uint8Array({ maxLength: 9 }),
  bool: fc.boolean(),
  int32,
  enum: int32,
  sint32: fc.integer(),
  uint32,
  fixed32: uint32,
  int64,
  sfixed64: int64,
  uint64,
  fixed64: uint64,
  double,
};

/** Ids of spans are mostly right, so that generated requests mix good and bad spans. */
const ID_SIZES: Readonly<Record<string, number>> = {
  "Span.traceId": 16,
  "Span.spanId": 8,
  "Span.parentSpanId": 8,
  "LogRecord.traceId": 16,
  "LogRecord.spanId": 8,
};

const cache = new Map<string, fc.Arbitrary<unknown>>();

function message(name: MessageName, depth: number): fc.Arbitrary<unknown> {
  const key = `${name}:${depth}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const specs: [string, FieldSpec][] = Object.entries(MESSAGES[name]);
  const members = specs.filter(([, { oneof }]) => oneof === undefined);
  const choices = specs.filter(([, { oneof }]) => oneof !== undefined);
  const optional = members.filter(([, spec]) => !spec.repeated && (spec.optional || !(spec.type in SCALARS)));
  const required = members.filter((member) => !optional.includes(member)).map(([member]) => member);
  const record = fc.record(
    Object.fromEntries(members.map(([member, spec]) => [member, field(`${name}.${member}`, spec, depth)])),
    { requiredKeys: required },
  );
  const alternatives = choices
    .filter(
      ([, spec]) => depth > 0 || spec.type in SCALARS || !["ArrayValue", "KeyValueList"].includes(spec.type),
    )
    .map(([member, spec]) => field(`${name}.${member}`, spec, depth).map((value) => ({ [member]: value })));
  const result =
    alternatives.length === 0
      ? record
      : fc.tuple(record, fc.oneof(fc.constant({}), ...alternatives)).map(([a, b]) => Object.assign({}, a, b));
  cache.set(key, result);
  return result;
}

function field(path: string, spec: FieldSpec, depth: number): fc.Arbitrary<unknown> {
  const size = ID_SIZES[path];
  const scalar = SCALARS[spec.type];
  const deeper = spec.type === "ArrayValue" || spec.type === "KeyValueList" ? depth - 1 : depth;
  const single =
    size !== undefined
      ? fc.oneof({ weight: 9, arbitrary: hexOf(size) }, { weight: 1, arbitrary: id })
      : (scalar ?? message(spec.type as MessageName, deeper));
  return spec.repeated ? fc.array(single, { maxLength: 3, size: "max" }) : single;
}

const ROOTS = { traces: "TracesData", logs: "LogsData", metrics: "MetricsData" } as const;

/** Any request of a signal. */
export function request<S extends Signal>(signal: S): fc.Arbitrary<SignalData[S]> {
  return message(ROOTS[signal], 2) as fc.Arbitrary<SignalData[S]>;
}

/** The request message of a signal. */
export const ROOT_NAMES: Readonly<Record<Signal, MessageName>> = ROOTS;
