import { readFileSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BUNDLE_RATIO_MAX } from "../../../schema/index.js";
import { checkBundle } from "../../../store/index.js";
import { bundleFolder, copyBundle, exportAll, replaceFile } from "../../support/estate.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";
import { appendChanges, put } from "../../support/records.js";

const bundles = bundleFolder();
let good: Record<"parquet" | "jsonl", string>;

beforeAll(async () => {
  const harness = await MirrorHarness.open();
  await harness.appendData("traces", request(span({ traceId: traceId(1), spanId: spanId(1) })), 1);
  await appendChanges(harness, [put("a", { key: "tone", score: 1 })]);
  await harness.mirror.flush(60_000);
  good = { parquet: join(bundles.path, "parquet"), jsonl: join(bundles.path, "jsonl") };
  await exportAll(harness.dir, good.parquet, "parquet");
  await exportAll(harness.dir, good.jsonl, "jsonl");
  await harness.close();
});
afterAll(() => bundles.remove());

const SPANS = "spans/2026-11-23";
let copies = 0;

function bundle(format: "parquet" | "jsonl", change?: Parameters<typeof copyBundle>[2]): string {
  return copyBundle(good[format], join(bundles.path, `copy-${++copies}`), change);
}

async function parquetOf(sql: string): Promise<Uint8Array> {
  const path = join(bundles.path, "made.parquet");
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet, COMPRESSION zstd)`);
  connection.closeSync();
  instance.closeSync();
  return readFileSync(path);
}

async function refusal(folder: string): Promise<string> {
  return checkBundle(folder).then(
    () => "accepted",
    (error: unknown) => `${(error as { code?: string }).code}: ${(error as Error).message}`,
  );
}

describe("a bundle that is not what it says is refused before anything is stored", () => {
  it("but the copies that these tests change are good ones", async () => {
    expect(await refusal(bundle("parquet"))).toBe("accepted");
    expect(await refusal(bundle("jsonl"))).toBe("accepted");
  });

  it("no manifest, one cut short, one with a changed byte, one of a newer version", async () => {
    const none = bundle("parquet");
    rmSync(join(none, "manifest.json"));
    expect(await refusal(none)).toMatch(/^CF_NOT_FOUND: There is no bundle at /);
    const cut = bundle("parquet");
    truncateSync(join(cut, "manifest.json"), 500);
    expect(await refusal(cut)).toMatch(/^CF_BUNDLE_INVALID: manifest.json: it is no JSON, or was cut short/);
    const changed = bundle("parquet");
    const text = readFileSync(join(changed, "manifest.json"), "utf8");
    writeFileSync(join(changed, "manifest.json"), text.replace('"rows": 1', '"rows": 2'));
    expect(await refusal(changed)).toMatch(/^CF_BUNDLE_INVALID: manifest.json: it was changed/);
    const newer = bundle("parquet", (_, manifest) => void (manifest.version = 2));
    expect(await refusal(newer)).toMatch(/^CF_BUNDLE_VERSION: .*import it with that version/);
  });

  it("a file that is missing, cut short, or changed in one byte", async () => {
    const missing = bundle("parquet");
    rmSync(join(missing, `${SPANS}.parquet`));
    expect(await refusal(missing)).toBe(
      `CF_BUNDLE_INVALID: The file ${SPANS}.parquet of the bundle is missing.`,
    );
    const cut = bundle("jsonl");
    truncateSync(join(cut, `${SPANS}.jsonl`), 100);
    expect(await refusal(cut)).toMatch(/has 100 bytes, its manifest says/);
    const changed = bundle("parquet");
    const bytes = readFileSync(join(changed, `${SPANS}.parquet`));
    bytes[50] = (bytes[50] ?? 0) ^ 1;
    writeFileSync(join(changed, `${SPANS}.parquet`), bytes);
    expect(await refusal(changed)).toMatch(/was changed: its SHA-256/);
  });

  it.each([
    "../outside.parquet",
    "/etc/passwd",
    "spans/../../x.parquet",
    "spans/a/b.parquet",
    "spans\\x.parquet",
  ])("a manifest that names the file %s", async (path) => {
    const folder = bundle("parquet", (_, __, spans) => void (spans.path = path));
    expect(await refusal(folder)).toMatch(
      /^CF_BUNDLE_INVALID: manifest.json: tables\[0\].files\[0\].path .* is not like/,
    );
  });

  it("a link to a file or a folder elsewhere", async () => {
    const file = bundle("parquet");
    renameSync(join(file, `${SPANS}.parquet`), join(bundles.path, "elsewhere.parquet"));
    symlinkSync(join(bundles.path, "elsewhere.parquet"), join(file, `${SPANS}.parquet`));
    expect(await refusal(file)).toMatch(/is no plain file of it: links are not followed/);
    const folder = bundle("parquet");
    renameSync(join(folder, "spans"), join(bundles.path, "elsewhere"));
    symlinkSync(join(bundles.path, "elsewhere"), join(folder, "spans"));
    expect(await refusal(folder)).toMatch(/is no plain file of it: links are not followed/);
  });

  it("other columns, other types, other counts than the manifest's", async () => {
    const column = bundle("parquet", (_, manifest) => {
      const [spans] = manifest.tables;
      if (spans?.columns[0] !== undefined) spans.columns[0].type = "BIGINT";
    });
    expect(await refusal(column)).toMatch(/spans.trace_id must have the type VARCHAR, not BIGINT/);
    const other = await parquetOf("SELECT 1 AS trace_id");
    const file = bundle("parquet", (folder, _, spans) => replaceFile(folder, spans, other));
    expect(await refusal(file)).toMatch(
      /^CF_BUNDLE_INVALID: spans\/.*the column trace_id must have the type VARCHAR, not INTEGER/,
    );
    const noise = bundle("parquet", (folder, _, spans) =>
      replaceFile(folder, spans, "PAR1 and then nothing like it PAR1"),
    );
    expect(await refusal(noise)).toMatch(/^CF_BUNDLE_INVALID: spans\/.*can't be read/);
    const counts = bundle("parquet", (_, manifest, spans) => {
      spans.rows = 2;
      const [table] = manifest.tables;
      if (table !== undefined) table.rows = 2;
    });
    expect(await refusal(counts)).toMatch(/has 1 rows, its manifest says 2/);
    const line = readFileSync(join(good.jsonl, `${SPANS}.jsonl`), "utf8");
    const typed = line.replace(/"seq":\d+/, '"seq":"first"');
    expect(await refusal(bundle("jsonl", (folder, _, spans) => replaceFile(folder, spans, typed)))).toMatch(
      /^CF_BUNDLE_INVALID: spans\/.*can't be read/,
    );
  });

  it("rows that are no valid span, and records nested too deep", async () => {
    const line = readFileSync(join(good.jsonl, `${SPANS}.jsonl`), "utf8");
    const noId = line.replace(/"trace_id":"[0-9a-f]+"/, '"trace_id":"abc"');
    expect(await refusal(bundle("jsonl", (folder, _, spans) => replaceFile(folder, spans, noId)))).toMatch(
      /^CF_BUNDLE_INVALID: The bundle is not valid: spans has /,
    );
    const deep = bundle("jsonl", (folder, manifest) => {
      const [file] = manifest.tables.find(({ name }) => name === "feedback")?.files ?? [];
      if (file === undefined) throw new Error("no feedback");
      const row = JSON.parse(readFileSync(join(folder, file.path), "utf8")) as Record<string, unknown>;
      row["data"] = `{"a":${"[".repeat(200)}${"]".repeat(200)}}`;
      replaceFile(folder, file, `${JSON.stringify(row)}\n`);
    });
    expect(await refusal(deep)).toMatch(/nested more than 100 deep/);
  });

  it("a small file that would unpack to very much more", async () => {
    const bomb = await parquetOf("SELECT repeat('a', 1000000) || range AS trace_id FROM range(300)");
    const folder = bundle("parquet", (where, _, spans) => replaceFile(where, spans, bomb));
    expect(bomb.length * BUNDLE_RATIO_MAX).toBeLessThan(300_000_000);
    expect(await refusal(folder)).toMatch(/^CF_BUNDLE_INVALID: spans\/.* would unpack to \d+ bytes/);
  });
});
