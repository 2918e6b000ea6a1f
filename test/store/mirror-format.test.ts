import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  type Column,
  COLUMNS_VERSION,
  CONTENT_COLUMN,
  FORMAT_VERSION,
  MIRROR_TABLES,
  RECORD_TYPES,
  recordDataSchema,
  rowSchema,
  TRACE_COLUMNS,
} from "../../schema/index.js";
import { BUNDLE_VERSION } from "../../store/bundle/manifest.js";
import { MANIFEST_SCHEMA } from "../../store/bundle/manifest-schema.js";
import { bundleColumns } from "../../store/bundle/tables.js";
import { openCatalog } from "../../store/index.js";
import { ALL_COLUMNS, temporaryFolder, writeRows } from "./mirror-files.js";

const PAGE = fileURLToPath(new URL("../../docs/mirror-format.md", import.meta.url));

const FORMAT_PAGE = fileURLToPath(new URL("../../docs/format.md", import.meta.url));
const SCHEMAS = fileURLToPath(new URL("../../docs/schemas/", import.meta.url));

/** The tables of docs/format.md. */
function formatReference(): string {
  const version = `Format version ${FORMAT_VERSION}, columns version ${COLUMNS_VERSION}, bundle version ${BUNDLE_VERSION}.`;
  const tables = MIRROR_TABLES.map((table) => {
    const type = RECORD_TYPES.find((each) => each.table === table);
    const about = type === undefined ? [] : [`${type.doc} Type \`${type.type}\`.`, ""];
    return columnTable(bundleColumns(table), [`### \`${table}\``, "", ...about]);
  });
  return ["## Tables", "", version, "", ...tables].join("\n");
}

/** Every file of docs/schemas/. */
function formatSchemas(): Record<string, unknown> {
  const rows = MIRROR_TABLES.map((table) => [`${table}.schema.json`, rowSchema(table)] as const);
  const data = RECORD_TYPES.map((type) => [`${type.type}.data.schema.json`, recordDataSchema(type)] as const);
  return Object.fromEntries([...rows, ...data, ["bundle-manifest.schema.json", MANIFEST_SCHEMA] as const]);
}

function columnTable(columns: readonly Column[], heading: string[] = []): string {
  const rows = columns.map(({ name, type, json, content, doc }) => {
    const marks = [json === true ? "JSON" : "", content === true ? "content" : ""].filter(
      (mark) => mark !== "",
    );
    return `| \`${name}\` | ${type}${marks.length === 0 ? "" : ` (${marks.join(", ")})`} | ${doc.replaceAll("|", "\\|")} |`;
  });
  return [...heading, "| Column | Type | Meaning |", "| --- | --- | --- |", ...rows, ""].join("\n");
}

/** Tables as a formatter leaves them: padding and dashes don't count. */
function plain(text: string): string {
  return text
    .split("\n")
    .map((line) => line.replaceAll(/ *\| */g, "|").replaceAll(/-{3,}/g, "---"))
    .join("\n")
    .trim();
}

test("docs/mirror-format.md lists every table and column as schema/ has them (UPDATE_DOCS=1 rewrites it)", () => {
  const intro =
    "JSON: text that holds JSON. Content: prompts, answers and tool data, which a policy may keep from leaving.\n";
  const parts = {
    compacted: columnTable([CONTENT_COLUMN, ...TRACE_COLUMNS]),
    columns: `${intro}\n${Object.entries(ALL_COLUMNS)
      .map(([table, columns]) => columnTable(columns, [`### \`${table}\``, ""]))
      .join("\n")}`,
  };
  for (const [name, text] of Object.entries(parts)) {
    const page = readFileSync(PAGE, "utf8");
    const begin = `<!-- ${name}:begin -->\n`;
    const end = `<!-- ${name}:end -->`;
    const [before, rest] = page.split(begin);
    const [shown, after] = (rest ?? "").split(end);
    const wanted = `\n${text}\n`;
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(PAGE, `${before}${begin}${wanted}${end}${after}`);
    else expect(plain(shown ?? "")).toBe(plain(wanted));
  }
});

test("docs/format.md and docs/schemas/ have every table, column, type and record as schema/ has them (UPDATE_DOCS=1 rewrites them)", () => {
  const isUpdate = process.env["UPDATE_DOCS"] === "1";
  const page = readFileSync(FORMAT_PAGE, "utf8");
  const [before = "", rest = ""] = page.split("<!-- format:begin -->\n");
  const [shown = "", after = ""] = rest.split("<!-- format:end -->");
  const wanted = `\n${formatReference()}\n`;
  if (isUpdate) {
    writeFileSync(FORMAT_PAGE, `${before}<!-- format:begin -->\n${wanted}<!-- format:end -->${after}`);
  } else expect(plain(shown)).toBe(plain(wanted));
  const files = formatSchemas();
  for (const [name, schema] of Object.entries(files)) {
    const path = `${SCHEMAS}${name}`;
    if (isUpdate) writeFileSync(path, `${JSON.stringify(schema, null, 2)}\n`);
    else expect(JSON.parse(readFileSync(path, "utf8")), name).toEqual(JSON.parse(JSON.stringify(schema)));
  }
  if (isUpdate)
    for (const name of readdirSync(SCHEMAS)) if (files[name] === undefined) rmSync(`${SCHEMAS}${name}`);
  expect(readdirSync(SCHEMAS).sort()).toEqual(Object.keys(files).sort());
});

test("I3: open.sql works in a process that knows nothing of Counterfoil, from the mirror folder", async () => {
  const mirrorDir = temporaryFolder();
  const catalog = await openCatalog({ mirrorDir });
  const row = { trace_id: "a".repeat(32), span_id: "b".repeat(16), attributes: "{}", seq: 1, seq_index: 0 };
  const late = { ...row, seq: 2, name: "kept" };
  await catalog.commit({
    add: [
      await writeRows(mirrorDir, "spans/date=2026-11-23/0-1-1.parquet", [{ ...row, name: "hidden" }]),
      await writeRows(mirrorDir, "spans/date=2026-11-23/0-2-2.parquet", [late]),
      await writeRows(mirrorDir, "superseded/date=2026-11-23/0-2-2.parquet", [late]),
    ],
    remove: [],
  });
  await catalog.close();
  const script = `
    import { readFileSync } from "node:fs";
    import { createRequire } from "node:module";
    const { DuckDBInstance } = createRequire(${JSON.stringify(import.meta.url)})("@duckdb/node-api");
    const connection = await (await DuckDBInstance.create(":memory:")).connect();
    await connection.run(readFileSync("open.sql", "utf8"));
    const reader = await connection.runAndReadAll("SELECT name, (SELECT span_count::INT FROM traces) AS n FROM spans");
    console.log(JSON.stringify(reader.getRowObjectsJson()));`;
  const out = execFileSync(process.execPath, ["--input-type=module", "-e", script], { cwd: mirrorDir });
  expect(JSON.parse(out.toString())).toEqual([{ name: "kept", n: 1 }]);
});
