import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  countItems,
  CounterfoilError,
  decodeOtlp,
  decodeOtlpJson,
  decodeStatus,
  encodeOtlp,
  encodeOtlpJson,
  scanRequest,
  SIGNALS,
  type Signal,
} from "../../../schema/index.js";
import { request } from "./arbitraries.js";

const SEED = 20_261_123;
/** COUNTERFOIL_FUZZ=20 runs twenty times as many: the million of the catalogue. */
const FACTOR = Number(process.env["COUNTERFOIL_FUZZ"] ?? 1);
const CASES = { random: 60_000 * FACTOR, mutated: 25_000 * FACTOR, json: 5_000 * FACTOR };
/** No case may come near this: work is linear in the input. */
const CASE_MS_MAX = 5_000;
/** Far above what the cases take, for busy machines. */
const TEST_MS_MAX = 120_000 * FACTOR;

// Most cases end in an error, and taking its stack is most of a case's time.
const { stackTraceLimit } = Error;
beforeAll(() => {
  Error.stackTraceLimit = 0;
});
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit;
});

/** A small generator of reproducible numbers: fast-check is too slow for this many cases. */
function randoms(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Runs what may fail; only a CounterfoilError may come out. */
function attempt<T>(action: () => T): T | CounterfoilError {
  try {
    return action();
  } catch (error) {
    if (error instanceof CounterfoilError) return error;
    throw error;
  }
}

/** Scanning accepts exactly what decodes, and counts the same. */
function expectAgreement(signal: Signal, bytes: Uint8Array): boolean {
  const started = performance.now();
  const decoded = attempt(() => decodeOtlp(signal, bytes));
  const scanned = attempt(() => scanRequest(signal, bytes));
  if (performance.now() - started > CASE_MS_MAX) throw new Error("too slow");
  const noIds = scanned instanceof CounterfoilError && scanned.message.includes("has a valid trace id");
  if (decoded instanceof CounterfoilError || noIds || scanned instanceof CounterfoilError) {
    const agree = noIds ? !(decoded instanceof CounterfoilError) : decoded instanceof CounterfoilError;
    if (!agree || !(scanned instanceof CounterfoilError)) throw new Error("scanning and decoding disagree");
    return false;
  }
  const kept = scanned.body === bytes ? decoded : decodeOtlp(signal, scanned.body);
  const left = countItems(signal, kept);
  if (left !== scanned.itemCount || left + scanned.rejected !== countItems(signal, decoded)) {
    throw new Error("counts disagree");
  }
  return true;
}

function report(signal: Signal, bytes: Uint8Array): void {
  expect.fail(`${signal} ${Buffer.from(bytes).toString("hex")}`);
}

function check(signal: Signal, bytes: Uint8Array): boolean {
  try {
    return expectAgreement(signal, bytes);
  } catch (error) {
    console.error(error);
    report(signal, bytes);
    return false;
  }
}

test(
  "random bytes are refused or accepted, alike by scanning and decoding, never a crash (catalogue 2)",
  () => {
    const random = randoms(SEED);
    for (let index = 0; index < CASES.random; index++) {
      const bytes = Uint8Array.from({ length: random(40) }, () =>
        random(3) === 0 ? random(256) : random(24),
      );
      check(SIGNALS[index % 3] ?? "traces", bytes);
    }
  },
  TEST_MS_MAX,
);

test(
  "mutated requests are refused or accepted, alike by scanning and decoding (catalogue 1, 2)",
  () => {
    const random = randoms(SEED + 1);
    const bodies = SIGNALS.map((signal) =>
      fc
        .sample(request(signal), { numRuns: 100, seed: SEED })
        .map((data) => encodeOtlp(signal, data))
        .filter((bytes) => bytes.length > 20 && bytes.length < 2_000),
    );
    let accepted = 0;
    for (let index = 0; index < CASES.mutated; index++) {
      const signal = SIGNALS[index % 3] ?? "traces";
      const pool = bodies[index % 3] ?? [];
      const bytes = new Uint8Array(pool[random(pool.length)] ?? []);
      for (let change = random(3); change >= 0; change--) {
        const at = random(bytes.length);
        const how = random(4);
        if (how === 0) bytes[at] = random(256);
        else if (how === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        else if (how === 2) bytes.copyWithin(at, random(bytes.length), random(bytes.length));
        else bytes[at] = (bytes[at] ?? 0) + 1;
      }
      if (check(signal, random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes)) accepted++;
    }
    expect(accepted).toBeGreaterThan(CASES.mutated / 20);
  },
  TEST_MS_MAX,
);

test(
  "mutated OTLP/JSON and answers only ever throw a CounterfoilError",
  () => {
    const random = randoms(SEED + 2);
    const texts = SIGNALS.flatMap((signal) =>
      fc.sample(request(signal), { numRuns: 30, seed: SEED }).map((data) => encodeOtlpJson(signal, data)),
    );
    const alphabet = '{}[]",:0123456789.eE+-\\u"nulltruefalse';
    for (let index = 0; index < CASES.json; index++) {
      const text = (texts[random(texts.length)] ?? "").slice(0, 3_000);
      const at = random(text.length + 1);
      const mutated =
        text.slice(0, at) + (alphabet[random(alphabet.length)] ?? "") + text.slice(at + random(3));
      attempt(() => decodeOtlpJson(SIGNALS[random(3)] ?? "traces", mutated));
      attempt(() => decodeStatus(Buffer.from(mutated), random(2) === 0 ? "json" : "protobuf"));
    }
  },
  TEST_MS_MAX,
);
