import { readdirSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countItems,
  decodeOtlp,
  decodeOtlpJson,
  encodeOtlp,
  encodeOtlpJson,
  MESSAGES,
  scanRequest,
  SIGNALS,
  type Signal,
} from "../../../schema/index.js";
import { request, ROOT_NAMES } from "./arbitraries.js";
import { oracleDecode, oracleEncode, PROFILES_ONLY, reachableTypes } from "./oracle.js";

const RUNS = 100;

describe.each(SIGNALS)("%s", (signal) => {
  test("decodes what the oracle encodes", () => {
    fc.assert(
      fc.property(request(signal), (data) => {
        expect(decodeOtlp(signal, oracleEncode(ROOT_NAMES[signal], data))).toEqual(data);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("the oracle decodes what we encode, and we do too", () => {
    fc.assert(
      fc.property(request(signal), (data) => {
        const bytes = encodeOtlp(signal, data);
        expect(oracleDecode(ROOT_NAMES[signal], bytes)).toEqual(data);
        expect(decodeOtlp(signal, bytes)).toEqual(data);
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20_000 },
    );
  });

  test("OTLP/JSON round trips exactly and equals the protobuf form", () => {
    fc.assert(
      fc.property(request(signal), (data) => {
        const json = encodeOtlpJson(signal, data);
        expect(() => JSON.parse(json)).not.toThrow();
        expect(decodeOtlpJson(signal, json)).toEqual(data);
        expect(decodeOtlpJson(signal, Buffer.from(json))).toEqual(
          decodeOtlp(signal, encodeOtlp(signal, data)),
        );
      }),
      { numRuns: RUNS, interruptAfterTimeLimit: 20_000 },
    );
  });
});

test("every field of OTLP except the profiles' string indexes is in the message table, with its number", () => {
  const missing: string[] = [];
  let seen = 0;
  for (const type of reachableTypes()) {
    const fields = (
      MESSAGES as Record<string, Record<string, { number: number; type: string; repeated?: true }>>
    )[type.name];
    for (const field of type.fieldsArray) {
      const path = `${type.name}.${field.name}`;
      if (PROFILES_ONLY.has(path)) continue;
      seen++;
      const ours = fields?.[field.name];
      if (ours?.number !== field.id || (ours.repeated ?? false) !== field.repeated) missing.push(path);
    }
  }
  expect(missing).toEqual([]);
  expect(seen).toBeGreaterThan(130);
  expect(Object.keys(MESSAGES).sort()).toEqual(
    reachableTypes()
      .map((type) => type.name)
      .sort(),
  );
});

const FIXTURES = new URL("../../fixtures/otlp/", import.meta.url);
const files = readdirSync(FIXTURES, { recursive: true, encoding: "utf8" }).filter((name) =>
  /\.(json|pb)$/.test(name),
);

function signalOf(name: string): Signal {
  const signal = SIGNALS.find((candidate) => name.includes(`${candidate}-`));
  if (signal === undefined) throw new Error(`fixture ${name} names no signal`);
  return signal;
}

test.each(files)("captured request %s decodes, and JSON -> protobuf -> JSON is equal", (name) => {
  const signal = signalOf(name);
  const file = readFileSync(new URL(name, FIXTURES));
  const data = name.endsWith(".pb") ? decodeOtlp(signal, gunzipSync(file)) : decodeOtlpJson(signal, file);
  const items = countItems(signal, data);
  expect(items).toBeGreaterThan(0);
  const json = encodeOtlpJson(signal, data);
  const bytes = encodeOtlp(signal, decodeOtlpJson(signal, json));
  expect(encodeOtlpJson(signal, decodeOtlp(signal, bytes))).toBe(json);
  expect(decodeOtlp(signal, bytes)).toEqual(data);
  expect(oracleDecode(ROOT_NAMES[signal], bytes)).toEqual(data);
  expect(scanRequest(signal, bytes)).toMatchObject({ itemCount: items, rejected: 0, reason: "" });
});

test("there are captured requests of every signal", () => {
  expect(new Set(files.map(signalOf))).toEqual(new Set(SIGNALS));
});
