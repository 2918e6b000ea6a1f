import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drill } from "../../cli/bundle/drill.js";
import { openDoor } from "../../cli/bundle/doors.js";
import { writeServerFile } from "../../cli/server-file.js";
import { decodeOtlp, decodeOtlpJson, encodeOtlp, priceTable, SHIPPED_PRICES } from "../../schema/index.js";
import {
  checkBundle,
  dataDirPaths,
  importBundle,
  queryRows,
  writeOtlp,
  writeSnapshot,
  writeEffectivePrices,
} from "../../store/index.js";
import { type RunningApi, runApi } from "../api/running-api.js";
import { bundleFolder, doorOf, exportAll } from "../support/estate.js";
import { MirrorHarness, RECEIVED, request, span, spanId, traceId } from "../support/mirror-harness.js";
import { appendChanges, put } from "../support/records.js";
import { MAIN } from "./run-cli.js";

const bundles = bundleFolder();
const never = new AbortController().signal;
let source: MirrorHarness;
let out: string;

const text = (key: string, value: string) => ({ key, value: { stringValue: value } });
const count = (key: string, value: bigint) => ({ key, value: { intValue: value } });

/** A call whose cost hangs on the price table in effect. */
function call(n: number) {
  const attributes = [
    text("gen_ai.operation.name", "chat"),
    text("gen_ai.provider.name", "openai"),
    text("gen_ai.request.model", "desk-of-tests"),
    count("gen_ai.usage.input_tokens", 1_000_000n),
    count("gen_ai.usage.output_tokens", 0n),
  ];
  return encodeOtlp("traces", request(span({ traceId: traceId(n), spanId: spanId(n), attributes })));
}

function prices(usd: number) {
  const day = "2026-01-01";
  const tiers = [{ aboveInputTokens: 0, input: usd, output: usd }];
  const price = {
    id: `tests/${usd}`,
    provider: "openai",
    models: ["desk-of-tests"],
    tiers,
    source: "tests",
    asOf: day,
  };
  return priceTable({ shipped: SHIPPED_PRICES.prices, file: [price] });
}

/** A log record that holds the prompt of the first call. */
function userMessage(words: string): Uint8Array {
  const record = {
    timeUnixNano: RECEIVED,
    observedTimeUnixNano: 0n,
    severityNumber: 0,
    severityText: "",
    body: { kvlistValue: { values: [text("content", words)] } },
    attributes: [],
    droppedAttributesCount: 0,
    flags: 0,
    traceId: traceId(1),
    spanId: spanId(1),
    eventName: "gen_ai.user.message",
  };
  const resourceLogs = [{ scopeLogs: [{ logRecords: [record], schemaUrl: "" }], schemaUrl: "" }];
  return encodeOtlp("logs", { resourceLogs });
}

beforeAll(async () => {
  source = await MirrorHarness.open();
  const pricesDir = dataDirPaths(source.dir).prices;
  for (const [n, usd] of [2, 3].entries()) {
    writeEffectivePrices(pricesDir, prices(usd));
    await source.append({ payload: call(n + 1) });
    await source.mirror.flush(60_000);
  }
  // What it says is joined to its span.
  await source.append({ signal: "logs", payload: userMessage("hello") });
  await appendChanges(source, [put("a", { key: "tone", score: 0 })]);
  await appendChanges(source, [put("a", { key: "tone", score: 1 }), put("b", { key: "tone", score: 1 })]);
  await source.mirror.flush(60_000);
  out = join(bundles.path, "estate");
  await exportAll(source.dir, out);
});
afterAll(async () => {
  await source.close();
  bundles.remove();
});

const COSTS =
  "SELECT span_id, cost_usd, price_version IS NOT NULL AS priced, input_messages FROM spans ORDER BY span_id";

describe("the leaving drill", () => {
  it("says that what came back is the same, costs of earlier prices included, and leaves nothing behind", async () => {
    const left = (): string[] =>
      readdirSync(tmpdir()).filter((name) => name.startsWith("counterfoil-drill-"));
    const before = left();
    const steps: string[] = [];
    const request = { dataDir: source.dir, fileFormat: "parquet", signal: never } as const;
    const outcome = await drill({ ...request, onStep: (step) => steps.push(step) });
    expect(outcome).toMatchObject({ tables: [], rows: 6, lostFiles: [] });
    expect(steps).toEqual(["exporting", "checking", "importing", "exporting again", "comparing"]);
    expect(left()).toEqual(before);
  });

  it("names a working folder that is not there", async () => {
    const workDir = join(bundles.path, "no", "such");
    const order = { dataDir: source.dir, fileFormat: "parquet", signal: never, workDir } as const;
    await expect(drill({ ...order, onStep: () => undefined })).rejects.toThrow(
      new RegExp(`^Can't make a working folder in ${workDir}: .*Name one that exists`),
    );
  });

  it("a request of more rows than are held at once, and one change set of as many, come back as one each", async () => {
    const large = await MirrorHarness.open();
    const spans = Array.from({ length: 1_500 }, (_, n) =>
      span({ traceId: traceId(1 + (n % 7)), spanId: spanId(n + 1) }),
    );
    await large.appendData("traces", request(...spans), spans.length);
    await appendChanges(
      large,
      spans.map((_, n) => put(String(n), { key: "tone", score: n })),
    );
    await large.mirror.flush(60_000);
    const order = { dataDir: large.dir, fileFormat: "parquet", signal: never } as const;
    const outcome = await drill({ ...order, onStep: () => undefined });
    expect(outcome).toMatchObject({ tables: [], rows: 3_000 });
    await large.close();
  });
});

describe("import", () => {
  it("without a server: costs are those of the prices that were in effect then, and today's prices stay in effect", async () => {
    const dataDir = join(bundles.path, "fresh");
    const door = await openDoor(dataDir, never);
    await importBundle(await checkBundle(out), { dataDir, door }).finally(() => door.close());
    expect(await queryRows({ dataDir, sql: COSTS })).toMatchObject([
      { cost_usd: 2, priced: true, input_messages: expect.stringContaining("hello") },
      { cost_usd: 3, priced: true, input_messages: null },
    ]);
    expect(existsSync(join(dataDirPaths(dataDir).prices, "effective.before-import.json"))).toBe(false);
  });

  it("goes on where it was interrupted: nothing is there twice", async () => {
    const target = await MirrorHarness.open();
    try {
      const bundle = await checkBundle(out);
      const whole = doorOf(target);
      let calls = 0;
      const broken = {
        ...whole,
        append: (entries: Parameters<typeof whole.append>[0]) => {
          if (++calls === 2) return Promise.reject(new Error("the power went"));
          return whole.append(entries);
        },
      };
      const options = { dataDir: target.dir, door: broken };
      await expect(importBundle(bundle, options)).rejects.toThrow("the power went");
      await importBundle(bundle, { dataDir: target.dir, door: whole });
      const rows = await target.query(
        "SELECT (SELECT count(*) FROM spans), (SELECT count(*) FROM feedback_history)",
      );
      expect(rows).toEqual([[2n, 3n]]);
    } finally {
      await target.close();
    }
  });

  it("leaves out what would undo a later change, and counts it", async () => {
    const target = await MirrorHarness.open();
    try {
      await target.append({
        signal: "records",
        payload: Buffer.from(
          `{"type":"feedback","id":"a","op":"delete","time":"2027-01-01T00:00:00Z","source":"api"}\n`,
        ),
        receivedUnixNano: 1_798_761_600_000_000_000n,
      });
      const report = await importBundle(await checkBundle(out), {
        dataDir: target.dir,
        door: doorOf(target),
      });
      expect(report.olderChanges).toBe(2);
      expect(await target.query("SELECT id FROM feedback")).toEqual([["b"]]);
    } finally {
      await target.close();
    }
  });
});

describe("other ways out", () => {
  it("OTLP JSON Lines hold the requests as they came, and a part of the tables when asked", async () => {
    const folder = join(bundles.path, "otlp");
    const report = await writeOtlp({ dataDir: source.dir, out: folder, tables: ["spans"] });
    expect(report.tables).toEqual([{ name: "spans", rows: 2, files: 1 }]);
    expect(readdirSync(folder)).toEqual(["traces.jsonl"]);
    const lines = readFileSync(join(folder, "traces.jsonl"), "utf8").trimEnd().split("\n");
    const bodies = lines.map((line) => decodeOtlpJson("traces", Buffer.from(line)));
    expect(bodies).toEqual([call(1), call(2)].map((bytes) => decodeOtlp("traces", bytes)));
    await expect(writeOtlp({ dataDir: source.dir, out: folder })).rejects.toThrow("is there already");
  });

  it("OTLP files that the disk takes only a part of are an error, not a short export", () => {
    const folder = join(bundles.path, "short");
    const args = ["export", "--data-dir", source.dir, "--out", folder, "--format", "otlp"];
    // Files of at most one block: the system takes the beginning of a write, and says how much that was.
    const limited = ["-c", 'ulimit -f 1; exec "$0" "$@"', process.execPath, MAIN, ...args];
    const { status, stderr } = spawnSync("sh", limited, { encoding: "utf8" });
    expect([status, stderr]).toEqual([1, expect.stringContaining(`Can't write ${folder}: EFBIG`)]);
    expect(existsSync(folder)).toBe(false);
  });

  it("a DuckDB file has every view as a table, and is readable by its owner only", async () => {
    const file = join(bundles.path, "estate.duckdb");
    const modes = new Set<number>();
    const onProgress = (): void => {
      for (const name of readdirSync(bundles.path).filter((each) => each.startsWith(".estate.duckdb.")))
        modes.add(statSync(join(bundles.path, name)).mode & 0o077);
    };
    await writeSnapshot({ dataDir: source.dir, out: file, onProgress });
    expect([...modes]).toEqual([0]);
    expect(readdirSync(bundles.path).filter((name) => name.startsWith("."))).toEqual([]);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const instance = await DuckDBInstance.create(file, { access_mode: "READ_ONLY" });
    const connection = await instance.connect();
    const rows = await connection.runAndReadAll(
      "SELECT (SELECT count(*) FROM traces), (SELECT count(*) FROM feedback_history), (SELECT sum(cost_usd) FROM spans)",
    );
    expect(rows.getRows()).toEqual([[2n, 3n, 5]]);
    connection.closeSync();
    instance.closeSync();
    await expect(writeSnapshot({ dataDir: source.dir, out: file })).rejects.toThrow("is there already");
  });

  it("what can't be written is said so, and is not called a damaged mirror", async () => {
    const missing = join(bundles.path, "not there", "estate.duckdb");
    await expect(writeSnapshot({ dataDir: source.dir, out: missing })).rejects.toMatchObject({
      code: "CF_DATA_DIR_IO",
    });
    const blocked = join(bundles.path, "blocked");
    const [day = ""] = readdirSync(join(out, "spans"));
    // A folder where the file should be: DuckDB can't write it, as when the disk is full.
    mkdirSync(join(bundles.path, `.blocked.${process.pid}.tmp`, "spans", day), { recursive: true });
    await expect(exportAll(source.dir, blocked)).rejects.toMatchObject({
      code: "CF_DATA_DIR_IO",
      message: expect.stringMatching(/^Can't write .*blocked: /),
    });
    expect(existsSync(blocked)).toBe(false);
  });
});

describe("with a running server", () => {
  let api: RunningApi;
  beforeAll(async () => {
    api = await runApi();
    const port = Number(new URL(api.url).port);
    writeServerFile(api.dataDir, {
      pid: process.pid,
      started_at: "",
      version: "",
      url: api.url,
      http_port: port,
    });
  });
  afterAll(() => api.stop());

  it("import goes through the server, with the times of receipt, and a second one adds nothing", async () => {
    const bundle = await checkBundle(out);
    const door = await openDoor(api.dataDir, never);
    const first = await importBundle(bundle, { dataDir: api.dataDir, door });
    expect(
      first.tables.filter(({ imported }) => imported > 0).map(({ name, imported }) => [name, imported]),
    ).toEqual([
      ["spans", 2],
      ["span_logs", 1],
      ["feedback", 3],
    ]);
    const times = "SELECT count(*) AS n FROM spans WHERE received_at = '2026-11-23 06:00:00'";
    expect(await queryRows({ dataDir: api.dataDir, sql: times })).toMatchObject([{ n: 2 }]);
    const second = await importBundle(bundle, { dataDir: api.dataDir, door });
    expect(second.tables.every(({ imported }) => imported === 0)).toBe(true);
  });

  it("what is no valid entry is refused whole, and nothing of it is stored", async () => {
    const before = api.collector.status().journal;
    const post = (body: string, type = "application/vnd.counterfoil.entries") =>
      fetch(`${api.url}/api/v1/import/entries`, { method: "POST", headers: { "content-type": type }, body });
    expect((await post("{}", "application/json")).status).toBe(400);
    expect((await post("traces 5 -\nab")).status).toBe(400);
    const line = '{"type":"feedback","id":"x","op":"delete"}\n';
    expect((await post(`records ${line.length} -\n${line}traces 3 -\nabc`)).status).toBe(400);
    expect((await post(`records ${line.length} 99999999999999999999\n${line}`)).status).toBe(400);
    expect(api.collector.status().journal).toEqual(before);
  });
});
