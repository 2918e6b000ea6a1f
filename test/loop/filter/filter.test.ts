import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Bindings, filterSql } from "../../../loop/filter/filter-sql.js";
import { parseFilter } from "../../../loop/filter/parse-filter.js";
import { SPAN_COLUMNS } from "../../../schema/index.js";

/** A span as the oracle sees it; the table has the same. */
interface Subject {
  readonly name: string;
  readonly run_type: string | null;
  readonly tags: readonly string[] | null;
  readonly metadata: Readonly<Record<string, string | number | boolean>> | null;
  readonly seconds: number | null;
  readonly error: string | null;
  readonly inputs: string | null;
}

const words = fc.constantFrom("alpha", "beta", "a'b", 'q"t', "x/y~z", "ä");
const numbers = fc.constantFrom(0, 1, 2.5, 5);
const metadata = fc.dictionary(words, fc.oneof(words, numbers, fc.boolean()), { maxKeys: 3 });
const subject: fc.Arbitrary<Subject> = fc.record({
  name: words,
  run_type: fc.option(fc.constantFrom("llm", "tool")),
  tags: fc.option(fc.uniqueArray(words, { maxLength: 3 })),
  metadata: fc.option(metadata),
  seconds: fc.option(numbers),
  error: fc.option(words),
  inputs: fc.option(words),
});

/** A filter, and whether a subject passes it. */
interface Case {
  readonly text: string;
  readonly holds: (subject: Subject) => boolean;
}

const quoted = (text: string): string => JSON.stringify(text);
const COMPARE: Readonly<Record<string, (a: string | number, b: string | number) => boolean>> = {
  eq: (a, b) => a === b,
  gt: (a, b) => a > b,
  gte: (a, b) => a >= b,
  lt: (a, b) => a < b,
  lte: (a, b) => a <= b,
};

const leaf: fc.Arbitrary<Case> = fc.oneof(
  words.map((word): Case => ({ text: `eq(name, ${quoted(word)})`, holds: ({ name }) => name === word })),
  words.map((word): Case => ({ text: `neq(error, ${quoted(word)})`, holds: ({ error }) => error !== word })),
  fc.constant<Case>({ text: "eq(error, null)", holds: ({ error }) => error === null }),
  fc.constant<Case>({ text: 'eq(status, "error")', holds: ({ error }) => error !== null }),
  fc.constant<Case>({ text: 'in(run_type, ["llm", "chain"])', holds: ({ run_type }) => run_type !== "tool" }),
  words.map((word): Case => ({
    text: `has(tags, ${quoted(word)})`,
    holds: ({ tags }) => tags?.includes(word) ?? false,
  })),
  fc
    .tuple(fc.constantFrom("eq", "gt", "gte", "lt", "lte"), numbers, fc.boolean())
    .map(([name, value, unit]): Case => ({
      text: `${name}(latency, ${unit ? `"${value * 1_000}ms"` : value})`,
      holds: ({ seconds }) => seconds !== null && (COMPARE[name]?.(seconds, value) ?? false),
    })),
  words.map((key): Case => ({
    text: `exists(metadata, ${quoted(key)})`,
    holds: ({ metadata }) => metadata !== null && Object.hasOwn(metadata, key),
  })),
  fc.tuple(words, fc.oneof(words, numbers, fc.boolean())).map(([key, value]): Case => ({
    text: `has(metadata, ${quoted(JSON.stringify({ [key]: value }))})`,
    holds: ({ metadata }) => metadata?.[key] === value,
  })),
  fc.tuple(words, words).map(([key, value]): Case => ({
    text: `and(eq(metadata_key, ${quoted(key)}), eq(metadata_value, ${quoted(value)}))`,
    holds: ({ metadata }) => metadata?.[key] === value,
  })),
  fc.tuple(words, numbers).map(([key, value]): Case => ({
    text: `and(eq(metadata_key, ${quoted(key)}), gt(metadata_value, ${value}))`,
    holds: ({ metadata }) => typeof metadata?.[key] === "number" && metadata[key] > value,
  })),
  words.map((word): Case => ({
    text: `search(${quoted(word.toUpperCase())})`,
    holds: ({ name, error, inputs, tags, metadata }) =>
      [name, error, inputs, tags && JSON.stringify(tags), metadata && JSON.stringify(metadata)]
        .join(" ")
        .toLowerCase()
        .includes(word.toLowerCase()),
  })),
);

const filter: fc.Arbitrary<Case> = fc.letrec<{ node: Case }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc
      .tuple(fc.constantFrom("and", "or"), fc.array(tie("node"), { minLength: 1, maxLength: 3 }))
      .map(([name, parts]) => ({
        text: `${name}(${parts.map(({ text }) => text).join(", ")})`,
        holds: (subject: Subject) =>
          name === "and"
            ? parts.every(({ holds }) => holds(subject))
            : parts.some(({ holds }) => holds(subject)),
      })),
    tie("node").map(({ text, holds }) => ({
      text: `not(${text})`,
      holds: (subject: Subject) => !holds(subject),
    })),
  ),
})).node;

const subjects = fc.sample(subject, { numRuns: 60, seed: 7 });
let connection: DuckDBConnection;

beforeAll(async () => {
  connection = await (await DuckDBInstance.create(":memory:")).connect();
  await connection.run(
    `CREATE TABLE spans (${SPAN_COLUMNS.map(({ name, type }) => `"${name}" ${type}`).join(", ")})`,
  );
  for (const [at, each] of subjects.entries()) {
    await connection.run(
      `INSERT INTO spans (span_id, name, run_type, tags, metadata, duration_ns, status_code, status_message, input_messages, end_time)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, make_timestamp_ns(1))`,
      [
        String(at),
        each.name,
        each.run_type,
        each.tags && JSON.stringify(each.tags),
        each.metadata && JSON.stringify(each.metadata),
        each.seconds === null ? null : Math.round(each.seconds * 1e9),
        each.error === null ? "OK" : "ERROR",
        each.error,
        each.inputs,
      ],
    );
  }
});

afterAll(() => connection.closeSync());

test("a filter chooses exactly the runs for which it holds, whatever is nested in it", async () => {
  await fc.assert(
    fc.asyncProperty(filter, async ({ text, holds }) => {
      const bindings = new Bindings();
      const where = filterSql(parseFilter(text), bindings);
      const reader = await connection.runAndReadAll(`SELECT s.span_id FROM spans AS s WHERE ${where}`, [
        ...bindings.params,
      ]);
      const found = reader.getRows().map(([id]) => Number(id));
      const expected = subjects.flatMap((each, at) => (holds(each) ? [at] : []));
      expect(found.sort((a, b) => a - b)).toEqual(expected);
    }),
    { numRuns: 150 },
  );
});

test.each([
  ['eq(name, "x")', 'eq(name,"x")'],
  ["eq(name, 'it\\'s')", String.raw`eq( name , "it's" )`],
  ['and(eq(name, "x"), gt(latency, 5))', 'and(eq(name,"x"),gt(latency,5.0))'],
])("%s reads as %s", (left, right) => {
  expect(parseFilter(left)).toEqual(parseFilter(right));
});

test.each([
  ["", "a function"],
  ["eq(name, )", "needs a text"],
  ['eq(name, "x"', '","'],
  ['eq(name, "x")) ', "its end"],
  ['frob(name, "x")', "frob"],
  ['eq(nonsense, "x")', "nonsense"],
  ["eq(name, 5)", "text"],
  ['gt(start_time, "soon")', "time"],
  ["gt(error, null)", "null"],
  ['in(name, "x")', "list"],
  [`${"not(".repeat(60)}eq(name, "x")${")".repeat(60)}`, "nested"],
  ["eq(name, `x`)", "can't be read"],
])("the filter %j is refused with a word on why", (text, word) => {
  expect(() => filterSql(parseFilter(text), new Bindings())).toThrow(word);
});

test("I8: nothing of a filter gets into the SQL but by its bindings", () => {
  const evil = `x'); DROP TABLE spans; --`;
  const bindings = new Bindings();
  const quotedEvil = quoted(evil);
  const sql = filterSql(
    parseFilter(
      `and(eq(name, ${quotedEvil}), has(tags, ${quotedEvil}), search(${quotedEvil}), eq(metadata_key, ${quotedEvil}), has(metadata, ${quotedEvil}), like(error, ${quotedEvil}), in(run_type, [${quotedEvil}]))`,
    ),
    bindings,
  );
  expect(sql).not.toContain("DROP");
  expect(bindings.params.length).toBeGreaterThan(6);
});
