import type { DuckDBConnection, StatementType } from "@duckdb/node-api";
import { CounterfoilError, errorMessage } from "../../schema/errors.js";
import { duckdb } from "../duckdb.js";

/** How a proven read-only statement is run. */
export type GatedStatement = "select" | "describe";

const SELECT_WORDS = new Set(["SELECT", "WITH", "FROM", "VALUES", "TABLE", "PIVOT", "UNPIVOT"]);
const DESCRIBE_WORDS = new Set(["DESCRIBE", "DESC", "SUMMARIZE", "SHOW"]);

function refuse(why: string): CounterfoilError {
  return new CounterfoilError(
    "CF_QUERY_REFUSED",
    `The query was refused: ${why}. Allowed is one SELECT, EXPLAIN, DESCRIBE, SUMMARIZE or SHOW statement over the mirror's views.`,
  );
}

/** Index after the white space and comments (block comments nest, as in PostgreSQL) that start at `from`. */
export function skipBlank(sql: string, from: number): number {
  let at = from;
  for (;;) {
    while (at < sql.length && /\s/.test(sql.charAt(at))) at += 1;
    if (sql.startsWith("--", at)) {
      const newline = sql.indexOf("\n", at);
      at = newline < 0 ? sql.length : newline + 1;
    } else if (sql.startsWith("/*", at)) {
      at = skipBlockComment(sql, at);
    } else {
      return at;
    }
  }
}

function skipBlockComment(sql: string, from: number): number {
  let depth = 0;
  for (let at = from; at < sql.length; at += 1) {
    if (sql.startsWith("/*", at)) {
      depth += 1;
      at += 1;
    } else if (sql.startsWith("*/", at)) {
      depth -= 1;
      at += 1;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}

/** The first word, in capitals, behind comments and opening parentheses, and the index after it. */
export function firstWord(sql: string): { word: string; end: number } {
  let at = skipBlank(sql, 0);
  while (sql[at] === "(") at = skipBlank(sql, at + 1);
  const word = /^[A-Za-z_]+/.exec(sql.slice(at, at + 32))?.[0] ?? "";
  return { word: word.toUpperCase(), end: at + word.length };
}

/** What EXPLAIN explains: the text after it, ANALYZE and an option list. */
function explained(sql: string, end: number): string {
  let at = skipBlank(sql, end);
  const analyze = /^analyze\b/i.exec(sql.slice(at, at + 16));
  if (analyze !== null) at = skipBlank(sql, at + analyze[0].length);
  const options = /^\((?:\s|,|analyze|format\s+[a-z_]+)*\)/i.exec(sql.slice(at, at + 200));
  return sql.slice(options === null ? at : at + options[0].length);
}

/**
 * Proves that `sql` is exactly one statement that only reads: by DuckDB's own parser, and by its first word, because
 * some statements (PRAGMA) are parsed into a SELECT and EXPLAIN ANALYZE runs whatever it explains. Throws
 * CF_QUERY_REFUSED, or CF_QUERY_FAILED with DuckDB's message when the statement does not parse or bind.
 */
export async function gateStatement(connection: DuckDBConnection, sql: string): Promise<GatedStatement> {
  if (skipBlank(sql, 0) === sql.length) throw refuse("it is empty");
  if (sql.includes("\0")) throw refuse("it holds a NUL character");
  const { word, end } = firstWord(sql);
  if (word === "EXPLAIN") {
    const inner = explained(sql, end);
    if (firstWord(inner).word === "EXPLAIN") throw refuse("EXPLAIN of EXPLAIN");
    await gateStatement(connection, inner);
    await checkParsed(connection, sql, duckdb().StatementType.EXPLAIN, word);
    return "describe";
  }
  if (!SELECT_WORDS.has(word) && !DESCRIBE_WORDS.has(word)) {
    throw refuse(word === "" ? "it does not start with a statement's name" : `${word} is not allowed`);
  }
  await checkParsed(connection, sql, duckdb().StatementType.SELECT, word);
  return DESCRIBE_WORDS.has(word) ? "describe" : "select";
}

async function checkParsed(
  connection: DuckDBConnection,
  sql: string,
  expected: StatementType,
  word: string,
): Promise<void> {
  let statements;
  try {
    statements = await connection.extractStatements(sql);
  } catch (error) {
    throw new CounterfoilError("CF_QUERY_FAILED", errorMessage(error), { cause: error });
  }
  if (statements.count !== 1) {
    throw refuse(
      word === "PIVOT" && statements.count === 2
        ? "a PIVOT needs its values named: PIVOT t ON column IN (...)"
        : `it holds ${statements.count} statements`,
    );
  }
  const prepared = await statements.prepare(0);
  try {
    if (prepared.statementType !== expected) {
      throw refuse(`${duckdb().StatementType[prepared.statementType] ?? "this statement"} is not allowed`);
    }
    if (prepared.parameterCount > 0) throw refuse("it holds parameters ($1 or ?), and none can be given");
  } finally {
    prepared.destroySync();
  }
}
