import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeOtlp, decodeOtlpJson, encodeOtlp, type Signal, SIGNALS } from "../../../schema/index.js";
import { rowsToOtlp } from "../../../store/index.js";
import { flatten, SealHarness } from "../../support/seal-harness.js";

const folder = fileURLToPath(new URL("../../fixtures/otlp", import.meta.url));

interface Fixture {
  readonly name: string;
  readonly signal: Signal;
  readonly bytes: Uint8Array;
}

function fixtures(): Fixture[] {
  return readdirSync(folder).flatMap((dir) =>
    readdirSync(join(folder, dir)).map((file): Fixture => {
      const signal = SIGNALS.find((known) => file.startsWith(known)) ?? "traces";
      const stored = readFileSync(join(folder, dir, file));
      const content = stored[0] === 0x1f && stored[1] === 0x8b ? gunzipSync(stored) : stored;
      const bytes = file.endsWith(".pb") ? content : encodeOtlp(signal, decodeOtlpJson(signal, content));
      return { name: `${dir}/${file}`, signal, bytes };
    }),
  );
}

let harness: SealHarness;
beforeAll(async () => {
  harness = await SealHarness.open();
});
afterAll(() => harness.close());

describe("I4: every captured request comes back from the mirror complete", () => {
  for (const { name, signal, bytes } of fixtures()) {
    it(name, async () => {
      const sent = flatten(signal, decodeOtlp(signal, bytes));
      const rows = await harness.roundTrip(signal, [bytes]);
      expect(sent.length).toBeGreaterThan(0);
      expect(flatten(signal, rowsToOtlp(signal, rows))).toEqual(sent);
      expect(
        rows.filter((row) => row.blob("raw") !== null),
        "real requests fit the columns",
      ).toHaveLength(0);
    });
  }
});

describe("the sealed Parquet", () => {
  it("is read by an implementation other than DuckDB", async () => {
    const fixture = fixtures().find(({ name }) => name.startsWith("langsmith/"));
    const path = await harness.seal("traces", [fixture?.bytes ?? new Uint8Array()], "hyparquet");
    const file = await asyncBufferFromFile(path ?? "");
    const read = await parquetReadObjects({ file, compressors });
    const rows = await harness.rows("traces", path ?? "");
    expect(read.map((row) => row["name"])).toEqual(rows.map((row) => row.text("name")));
    expect(read.map((row) => row["trace_id"])).toEqual(rows.map((row) => row.text("trace_id")));
    expect(read.map((row) => row["attribute_layout"])).toEqual(
      rows.map((row) => row.text("attribute_layout")),
    );
    const times = read.map((row) => row["start_time"]);
    expect(times.every((time) => time instanceof Date || typeof time === "bigint")).toBe(true);
  });

  it("says its format version and table in its key-value metadata", async () => {
    const fixture = fixtures().find(({ signal }) => signal === "traces");
    const path = await harness.seal("traces", [fixture?.bytes ?? new Uint8Array()], "metadata");
    const result = await harness.connection.runAndReadAll(
      `SELECT key::VARCHAR, value::VARCHAR FROM parquet_kv_metadata('${path}') ORDER BY key`,
    );
    expect(result.getRows()).toEqual([
      ["counterfoil_format_version", "1"],
      ["counterfoil_table", "spans"],
    ]);
  });
});
