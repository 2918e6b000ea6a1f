import { fork } from "node:child_process";
import { once } from "node:events";

/** One kind of question, in several forms (another trace each time) that take turns. */
export interface BenchQuery {
  readonly id: string;
  readonly statements: readonly string[];
}

/** What the query process is asked for. */
export interface QueryOrder {
  readonly dataDir: string;
  /** Query tables in this DuckDB file instead of the mirror. */
  readonly nativeFile?: string;
  readonly queries: readonly BenchQuery[];
  readonly threads: number;
  readonly memoryMb: number;
  readonly warmups: number;
  readonly runs: number;
}

/** Milliseconds of each run, and rows of the last. */
export interface QueryAnswer {
  readonly id: string;
  readonly times: readonly number[];
  readonly rows: number;
}

/** Runs the queries in a process of their own. */
export async function runQueries(order: QueryOrder): Promise<readonly QueryAnswer[]> {
  const child = fork(new URL("./query.child.js", import.meta.url), [JSON.stringify(order)]);
  const [message] = (await once(child, "message")) as [{ answers?: readonly QueryAnswer[]; error?: string }];
  if (message.answers === undefined) throw new Error(message.error ?? "the query process gave no answer");
  return message.answers;
}
