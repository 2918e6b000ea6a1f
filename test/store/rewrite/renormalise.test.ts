import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance, type DuckDBConnection } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RULE_SET_VERSION, TABLE_COLUMNS } from "../../../schema/index.js";
import {
  dataDirPaths,
  type FileEntry,
  filesToRenormalise,
  readOtlpRows,
  rewriteSpans,
  rowsToOtlpBytes,
} from "../../../store/index.js";
import { compactInChild } from "../../../store/compaction/compact.js";
import { FIXTURE_NAMES, traceRequests } from "../../support/genai-fixtures.js";
import { MirrorHarness } from "../../support/mirror-harness.js";
import { otlpArbitraries } from "../../support/otlp-arbitraries.js";

const renormalise = { kind: "renormalise" } as const;

let harness: MirrorHarness;
let duck: DuckDBConnection;
beforeAll(async () => {
  harness = await MirrorHarness.open({ sealRows: 50 });
  mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
  duck = await (await DuckDBInstance.create(":memory:")).connect();
  const { traces } = otlpArbitraries({ plain: false });
  const requests = [
    ...FIXTURE_NAMES.filter((_name, at) => at % 16 === 0).flatMap((name) => traceRequests(name)),
    ...fc.sample(traces, { numRuns: 10, seed: 5 }),
  ];
  for (const data of requests) {
    const count = data.resourceSpans.flatMap(({ scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans),
    ).length;
    if (count > 0) await harness.appendData("traces", data, count);
    // Files of their own for the first and for the others.
    if (data === requests[4]) await harness.mirror.flush(60_000);
  }
  await harness.mirror.flush(60_000);
});
afterAll(() => harness.close());

const spanFiles = (): FileEntry[] =>
  harness.catalog.snapshot().files.filter(({ table }) => table === "spans");
const pathsOf = (files: readonly FileEntry[]): string[] => files.map(({ path }) => path);
const run = (paths: readonly string[], more: { dryRun?: boolean; bytesMax?: number } = {}) =>
  rewriteSpans({ dataDir: harness.dir, catalog: harness.catalog, rewrite: renormalise, paths, ...more });

/** Every column of every row that counts, as text. */
async function rows(): Promise<string[]> {
  const columns = TABLE_COLUMNS.spans.map(({ name }) => `'${name}': CAST("${name}" AS VARCHAR)`).join(", ");
  const found = await harness.query(`SELECT to_json({${columns}}) FROM spans ORDER BY seq, seq_index`);
  return found.map(([text]) => String(text));
}

async function otlp(): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of readOtlpRows(harness.dir, "traces")) parts.push(rowsToOtlpBytes("traces", part));
  return Buffer.concat(parts);
}

/** Puts files in place of the listed ones as a build with poorer rules would have sealed them. */
async function age(): Promise<void> {
  const { mirror } = dataDirPaths(harness.dir);
  // What a column holds verbatim is not in `attributes`, so only the other columns can have been empty.
  const unlifted = "attribute_layout IS NULL OR NOT regexp_matches(attribute_layout, '[A-Z]')";
  const derived = ["run_type", "usage_scope", "dialect", "provenance", "metadata", "usage_details"];
  const content = ["input_messages", "output_messages", "request_model", "tool_arguments", "tags"];
  for (const file of spanFiles()) {
    const path = `spans/date=2020-01-01/0-${file.firstSeq}-${file.lastSeq}-${createHash("md5").update(file.path).digest("hex").slice(0, 8)}.parquet`;
    mkdirSync(join(mirror, "spans/date=2020-01-01"), { recursive: true });
    const values = [
      ...derived.map((name) => `'old' AS ${name}`),
      ...content.map((name) => `CASE WHEN ${unlifted} THEN NULL ELSE ${name} END AS ${name}`),
      "1::INTEGER AS rule_set_version",
    ];
    const packed =
      file.formatVersion > 1
        ? "content['input_messages'] AS input_messages, content['tool_arguments'] AS tool_arguments, content['tool_result'] AS tool_result, content['retrieval_documents'] AS retrieval_documents"
        : "";
    const names = TABLE_COLUMNS.spans.map(({ name }) => `"${name}"`).join(", ");
    await duck.run(
      `COPY (SELECT ${names} FROM (SELECT * REPLACE (${values.join(", ")}) FROM (SELECT *${packed === "" ? "" : `, ${packed}`} FROM read_parquet('${join(mirror, file.path)}')))) TO '${join(mirror, path)}' (FORMAT parquet)`,
    );
    const bytes = readFileSync(join(mirror, path));
    const entry: FileEntry = {
      ...file,
      path,
      level: 0,
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      formatVersion: 1,
      ruleSetVersion: 1,
    };
    await harness.catalog.commit({ add: [entry], remove: [file.path] });
  }
}

test("renormalising what this build sealed changes no value of any column, and no byte of the OTLP", async () => {
  const before = { rows: await rows(), otlp: await otlp() };
  expect(before.rows.length).toBeGreaterThan(50);
  expect(filesToRenormalise(spanFiles(), {})).toEqual([]);
  const all = filesToRenormalise(spanFiles(), { all: true });
  expect(all.length).toBeGreaterThan(1);
  const done = await run(pathsOf(all), { bytesMax: (all[0]?.bytes ?? 0) + 1 });
  expect(done).toMatchObject({ files: all.length, changes: {}, damaged: [] });
  expect(await rows()).toEqual(before.rows);
  expect(await otlp()).toEqual(before.otlp);
  expect(
    spanFiles().every(({ level, ruleSetVersion }) => level === 1 && ruleSetVersion === RULE_SET_VERSION),
  ).toBe(true);
}, 240_000);

test("files of older rules come out as if this build had sealed them, once; a dry run counts the same and changes nothing", async () => {
  const before = { rows: await rows(), otlp: await otlp() };
  await age();
  const aged = await rows();
  expect(aged).not.toEqual(before.rows);
  const old = filesToRenormalise(spanFiles(), {});
  expect(pathsOf(old)).toEqual(pathsOf(spanFiles()));
  const manifest = harness.catalog.snapshot();
  const dry = await run(pathsOf(old), { dryRun: true });
  expect(harness.catalog.snapshot()).toBe(manifest);
  expect(await rows()).toEqual(aged);
  const done = await run(pathsOf(old));
  expect(done.changes).toEqual(dry.changes);
  expect(done.changes).toMatchObject({ run_type: expect.any(Number), input_messages: expect.any(Number) });
  expect(await rows()).toEqual(before.rows);
  expect(await otlp()).toEqual(before.otlp);
  expect(filesToRenormalise(spanFiles(), {})).toEqual([]);
  expect(await run(pathsOf(old))).toMatchObject({ files: 0, rows: 0, changes: {}, damaged: [] });
}, 240_000);

test("a rewrite that dies before its commit leaves the mirror as it was, and the next one finishes the work", async () => {
  await age();
  const aged = await rows();
  const old = pathsOf(filesToRenormalise(spanFiles(), {}));
  const died = rewriteSpans({
    dataDir: harness.dir,
    catalog: harness.catalog,
    rewrite: renormalise,
    paths: old,
    compactor: async (job) => {
      await compactInChild(job);
      throw new Error("killed");
    },
  });
  await expect(died).rejects.toThrow("The mirror is unchanged");
  expect(await rows()).toEqual(aged);
  expect((await run(old)).files).toBe(old.length);
  const listed = new Set(pathsOf(spanFiles()));
  const { mirror } = dataDirPaths(harness.dir);
  expect([...listed].every((path) => existsSync(join(mirror, path)))).toBe(true);
  expect(
    readdirSync(dataDirPaths(harness.dir).temp).filter((name) => name.startsWith("compaction-")),
  ).toEqual([]);
}, 240_000);

test("a damaged file is told and left alone; the others are rewritten", async () => {
  await age();
  const old = filesToRenormalise(spanFiles(), {});
  const { mirror } = dataDirPaths(harness.dir);
  const [first] = old;
  const path = join(mirror, first?.path ?? "");
  const bytes = readFileSync(path);
  truncateSync(path, bytes.length - 1);
  const done = await run(pathsOf(old));
  expect(done.damaged).toEqual([first?.path]);
  expect(done.files).toBe(old.length - 1);
  writeFileSync(path, bytes);
  expect((await run(pathsOf(old))).files).toBe(1);
}, 240_000);

test("`since` picks files by their latest event, and files without a time always", () => {
  const [file] = spanFiles();
  const at = (maxTimeUnixNano: string | null, ruleSetVersion?: number): FileEntry =>
    ({ ...file, path: `spans/${maxTimeUnixNano}`, maxTimeUnixNano, ruleSetVersion }) as FileEntry;
  const files = [at("100"), at("200"), at(null), at("300", RULE_SET_VERSION)];
  expect(pathsOf(filesToRenormalise(files, { sinceUnixNano: 150n }))).toEqual(["spans/200", "spans/null"]);
  expect(pathsOf(filesToRenormalise(files, { sinceUnixNano: 150n, all: true }))).toHaveLength(3);
});
