import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createMirrorReader,
  dataDirPaths,
  type FileCatalog,
  type FileEntry,
  type MirrorReader,
  openCatalog,
  queryRows,
  startOfNewest,
} from "../../store/index.js";
import { temporaryFolder, writeRows } from "./mirror-files.js";

let dataDir = "";
let catalog: FileCatalog;
let reader: MirrorReader;

const T1 = "a".repeat(32);

async function addSpan(
  at: number,
  name: string,
  [min, max]: readonly (string | null)[] = [null, null],
): Promise<FileEntry> {
  const written = await writeRows(
    dataDirPaths(dataDir).mirror,
    `spans/date=2026-11-23/0-${at}-${at}.parquet`,
    [
      {
        trace_id: T1,
        span_id: `${at}`.repeat(16),
        name,
        start_time: "2026-11-23 10:00:00.123456789",
        attributes: "{}",
        seq: at,
        seq_index: 0,
      },
    ],
  );
  const entry = { ...written, minTimeUnixNano: min ?? null, maxTimeUnixNano: max ?? null };
  await catalog.commit({ add: [entry], remove: [], sealedSeq: at });
  return entry;
}

beforeAll(async () => {
  dataDir = temporaryFolder();
  const { mirror, temp } = dataDirPaths(dataDir);
  mkdirSync(temp);
  catalog = await openCatalog({ mirrorDir: mirror });
  await addSpan(1, "first");
  reader = createMirrorReader({ dataDir, concurrency: 2, threads: 1, memoryMb: 256 });
});

afterAll(async () => {
  await reader.close();
  await catalog.close();
});

/** Ends the reader's process in the middle of a query, as a crash of the engine would. */
function killChild(): void {
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
      if (
        parent === process.pid &&
        readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("reader.child.js")
      ) {
        process.kill(Number(pid), "SIGKILL");
      }
    } catch {
      // Ended meanwhile.
    }
  }
}

describe("a mirror's reader", () => {
  test("gives the values that a query process gives, and binds parameters", async () => {
    const sql = `SELECT name, start_time, parent_span_id, attributes, seq, CAST($1 AS BIGINT) AS given, 9007199254740993 AS big, -5::HUGEINT AS small,
      CAST('nan' AS DOUBLE) AS nan, CAST('-infinity' AS FLOAT) AS minus, 0.5::DECIMAL(4, 2) AS exact, 'a\\x00'::BLOB AS bytes,
      TIMESTAMPTZ '2026-11-23 10:00:00.5+02' AS zoned, DATE '2026-11-23' AS day, TIMESTAMP 'infinity' AS never,
      ['x', NULL] AS list, {'a': 1, 'b': [true]} AS struct, MAP {'k': 'v'} AS map, '{"j": [1]}'::JSON AS json, TIME '10:00:01' AS time
      FROM spans WHERE name = $2`;
    const params = [7n, "first"];
    const rows = await reader.query(sql, params);
    expect(rows).toHaveLength(1);
    expect(rows).toEqual(await queryRows({ dataDir, sql, params }));
    expect(rows[0]?.["big"]).toBe(9007199254740993n);
  });

  test("each query sees what was committed before it", async () => {
    for (const at of [2, 3]) {
      await addSpan(at, `span ${at}`);
      expect(await reader.query("SELECT count(*) AS n FROM spans")).toEqual([{ n: at }]);
    }
  });

  test("more queries than places at once are all answered", async () => {
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, at) =>
        reader.query("SELECT $1 + count(*) - count(*) AS n FROM traces", [at]),
      ),
    );
    expect(answers.map(([row]) => row?.["n"])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test("a query is stopped at its deadline or by its signal, others go on", async () => {
    const endless = "SELECT count(*) AS n FROM range(1000000000000) AS a";
    const late = reader.query(endless, [], { timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: "CF_QUERY_LIMIT" });
    const abort = new AbortController();
    const stopped = reader.query(endless, [], { signal: abort.signal });
    expect(await reader.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    abort.abort(new Error("the client has gone"));
    await expect(stopped).rejects.toThrow("the client has gone");
  });

  test("more rows than allowed are an error, and so is bad SQL; the reader goes on", async () => {
    await expect(reader.query("SELECT 1 FROM range(11)", [], { rowsMax: 10 })).rejects.toMatchObject({
      code: "CF_QUERY_LIMIT",
    });
    await expect(reader.query("SELECT nothing FROM spans")).rejects.toMatchObject({
      code: "CF_QUERY_FAILED",
    });
    expect(await reader.query("SELECT 1 FROM range(10)", [], { rowsMax: 10 })).toHaveLength(10);
  });

  test("I8: its engine reads the mirror and nothing else, and its settings are locked", async () => {
    writeFileSync(join(dataDir, "secret.csv"), "secret\n1\n");
    for (const sql of [
      `SELECT * FROM read_csv('${join(dataDir, "secret.csv")}')`,
      `SELECT * FROM read_csv('../secret.csv')`,
      `SELECT * FROM read_csv('${dataDirPaths(dataDir).mirror}/../secret.csv')`,
    ]) {
      await expect(reader.query(sql)).rejects.toMatchObject({ code: "CF_QUERY_REFUSED" });
    }
  });

  test.skipIf(process.platform !== "linux")(
    "when its process dies, the running query is asked again in a new one",
    async () => {
      const running = reader.query("SELECT count(*) AS n FROM range(600000000) AS a");
      killChild();
      expect(await running).toEqual([{ n: 600000000 }]);
    },
  );

  test("a file that is damaged is left out, with a warning", async () => {
    const entry = await addSpan(4, "damaged");
    writeFileSync(join(dataDirPaths(dataDir).mirror, entry.path), Buffer.alloc(entry.bytes, 1));
    const warnings: string[] = [];
    const rows = await reader.query("SELECT count(*) AS n FROM spans", [], {
      onWarning: (warning) => warnings.push(warning),
    });
    expect(rows).toEqual([{ n: 3 }]);
    expect(warnings).toEqual([expect.stringContaining(`${entry.path} is damaged`)]);
  });

  test("near_spans reads the files that may have spans of a window, and no others, as they are now", async () => {
    const names = async (fromNs: string, toNs: string): Promise<unknown[]> => {
      const sql = "SELECT name FROM near_spans WHERE name LIKE 'bounded%' ORDER BY name";
      return (await reader.query(sql, [], { near: { fromNs, toNs } })).map(({ name }) => name);
    };
    expect(await names("0", "9")).toEqual([]);
    await addSpan(8, "bounded 8", ["10", "19"]);
    await addSpan(9, "bounded 9", ["20", "29"]);
    expect(await names("0", "9")).toEqual([]);
    expect(await names("19", "19")).toEqual(["bounded 8"]);
    expect(await names("19", "20")).toEqual(["bounded 8", "bounded 9"]);
    expect(await names("29", "99")).toEqual(["bounded 9"]);
  });
});

test("a reader over no mirror says so, and reads it once it is there; closed, it refuses", async () => {
  const folder = temporaryFolder();
  mkdirSync(dataDirPaths(folder).temp);
  const early = createMirrorReader({ dataDir: folder, concurrency: 1, threads: 1 });
  await expect(early.query("SELECT 1 AS one FROM spans")).rejects.toMatchObject({ code: "CF_NOT_FOUND" });
  const opened = await openCatalog({ mirrorDir: dataDirPaths(folder).mirror });
  expect(await early.query("SELECT count(*) AS n FROM threads")).toEqual([{ n: 0 }]);
  await early.close();
  await opened.close();
  await expect(early.query("SELECT 1 AS one")).rejects.toMatchObject({ code: "CF_QUERY_FAILED" });
  expect(readdirSync(dataDirPaths(folder).temp)).toEqual([]);
  rmSync(folder, { recursive: true });
});

test("a parameter that no process can be sent fails its own query alone, also when the reader's process ends", async () => {
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => void unhandled.push(error);
  process.on("unhandledRejection", note);
  const own = createMirrorReader({ dataDir, concurrency: 1, threads: 1 });
  try {
    const unsendable = [Object] as unknown as readonly string[];
    await expect(own.query("SELECT $1", unsendable)).rejects.toThrow("could not be cloned");
    expect(await own.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
  } finally {
    await own.close();
  }
  // A promise of nobody's, rejected as the process ends, would end the whole server.
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", note);
  expect(unhandled).toEqual([]);
});

test("a guess at where the newest spans begin is never later than the file that the last of them is in", () => {
  const file = (rows: number, min: string | null, max: string | null, table = "spans") => ({
    table,
    rows,
    minTimeUnixNano: min,
    maxTimeUnixNano: max,
  });
  const files = [
    file(10, "0", "100"),
    file(4, "200", "300"),
    file(9, null, null),
    file(99, "900", "999", "logs"),
  ];
  expect([1, 2, 4, 5, 9, 14].map((rows) => startOfNewest(files, rows))).toEqual([
    275n,
    250n,
    200n,
    90n,
    50n,
    0n,
  ]);
  expect(startOfNewest(files, 15)).toBeUndefined();
});
