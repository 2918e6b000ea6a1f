import fc from "fast-check";
import { expect, test } from "vitest";
import {
  jsonTextOf,
  JsonText,
  parseRunJson,
  restoreNumbers,
  RUN_JSON_DEPTH_MAX,
  writeRunJson,
} from "../../../schema/index.js";

/** The value of a JSON number, as digits times a power of ten. */
function exactly(number: string): string {
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  let digits = BigInt(whole + fraction);
  let power = BigInt(exponent) - BigInt(fraction.length);
  if (digits === 0n) return `${sign}0`;
  while (digits % 10n === 0n) {
    digits /= 10n;
    power++;
  }
  return `${sign}${digits}e${power}`;
}

const digits = (max: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom("0", "1", "2", "3", "4", "5", "6", "7", "8", "9"),
    minLength: 1,
    maxLength: max,
  });

const number = fc
  .record({
    sign: fc.constantFrom("", "-"),
    whole: digits(25).map((text) => text.replace(/^0+(?=.)/, "")),
    fraction: fc.option(digits(25)),
    exponent: fc.option(fc.tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), digits(3))),
  })
  .map(({ sign, whole, fraction, exponent }) =>
    [sign, whole, fraction === null ? "" : `.${fraction}`, ...(exponent ?? [])].join(""),
  );

/** JSON as texts of its tokens, so that nothing rounds before it is tested. */
const document = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    number,
    fc.oneof(fc.string({ unit: "binary" }), number, digits(30)).map((text) => JSON.stringify(text)),
    fc.constantFrom("true", "false", "null", '"\\\\"', '"\\"1234567890123456789"'),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => `[${items.join(" ,")}]`),
    fc
      .array(fc.tuple(fc.constantFrom("a", "b", "__proto__", "12345678901234567890"), tie("value")), {
        maxLength: 4,
      })
      .map((pairs) => `{${pairs.map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", ")}}`),
  ),
})).value;

const NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/** All tokens that are numbers, in order; without keys that came twice. */
function numbersIn(json: string): string[] {
  return (json.match(NUMBERS) ?? []).filter((token) => !token.startsWith('"')).map(exactly);
}

test("I4: any JSON comes back with every number as it was written, and everything else as JSON.parse has it", () => {
  fc.assert(
    fc.property(document, (json) => {
      const written = writeRunJson({ value: parseRunJson(json) });
      // Of a key that is there twice the last one counts: compared by what is left.
      const once = writeRunJson({ value: parseRunJson(written.slice(9, -1)) });
      expect(once).toBe(written);
      if (!/"(?:a|b|__proto__|12345678901234567890)": /.test(json)) {
        expect(numbersIn(written)).toEqual(numbersIn(json));
      }
      expect(JSON.parse(written)).toEqual({ value: JSON.parse(json) as unknown });
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  "9007199254740993",
  "-9223372036854775808",
  "18446744073709551615",
  "0.12345678901234567890",
  "1234567890123456789e5",
  "1e400",
  "-0",
  "-0.0",
  "1e-400",
  "1.2345678901e-320",
])("%s is written as it was, within text, lists and objects that hold it as text, too", (given) => {
  const json = `{"a":[${given},"${given}"],"b":{"${given}":${given}}}`;
  expect(writeRunJson(parseRunJson(json))).toBe(json);
});

test.each([
  "0.1",
  "3.141592653589793",
  "0.30000000000000004",
  "1e21",
  "123456789012345",
  "1.0",
  "1234567890123456e5",
  "5e-324",
])("%s is a plain number: JavaScript keeps its value", (given) => {
  expect(parseRunJson(`[${given}]`)).toEqual([Number(given)]);
});

test("whole texts are kept with their spaces; what is no JSON is refused, and what is nested too deep says so", () => {
  const text = '{ "a" : 1.0 }';
  expect(writeRunJson({ inputs: jsonTextOf(text), list: [{ inputs: new JsonText(text) }] })).toBe(
    `{"inputs":${text},"list":[{"inputs":${text}}]}`,
  );
  for (const wrong of ["{", "12345678901234567890a", "{12345678901234567890:1}", "01234567890123456789"]) {
    expect(() => parseRunJson(wrong)).toThrow(SyntaxError);
    expect(() => jsonTextOf(wrong)).toThrow(SyntaxError);
  }
  const deep = `${"[".repeat(RUN_JSON_DEPTH_MAX + 1)}1${"]".repeat(RUN_JSON_DEPTH_MAX + 1)}`;
  expect(() => parseRunJson(deep)).toThrow(/nested more than/);
  expect(() => jsonTextOf(deep)).toThrow(/nested more than/);
});

test("numbers that another program wrote as JSON get their places in its request again, and no byte moves", () => {
  const value = { big: parseRunJson("[9007199254740993, 1e400]"), text: "9007199254740993" };
  const json = JSON.stringify(value);
  const body = restoreNumbers(Buffer.from(`--x\r\nlength=${json.length}\r\n\r\n${json}\r\n--x--`));
  const restored = Buffer.from(body).toString().split("\r\n")[3] ?? "";
  expect(restored.length).toBe(json.length);
  expect(restored.replaceAll(" ", "")).toBe('{"big":[9007199254740993,1e400],"text":"9007199254740993"}');
});
