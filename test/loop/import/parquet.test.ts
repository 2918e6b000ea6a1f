import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { importParquetExport, verifyLangSmith, writeParquetRuns } from "../../../loop/index.js";
import { freshFolder, type TwoServers, twoServers } from "./two-servers.js";

let servers: TwoServers;

beforeAll(async () => {
  servers = await twoServers();
});

afterAll(() => servers.stop());

test("runs written as LangSmith's bulk export writes them have its layout, and come in whole; again nothing is stored", async () => {
  const { far, near, door } = servers;
  const root = randomUUID();
  const child = randomUUID();
  const rootOrder = `20261120T235959999999Z${root}`;
  const run = (id: string, more: object): object => ({
    id,
    trace_id: root,
    name: `run "${id.slice(0, 2)}" ☃`,
    session_name: "exported",
    end_time: "2026-11-21T00:00:01.000001Z",
    tags: ["a,b", "c"],
    events: [{ name: "new_token", time: "2026-11-21T00:00:00.5Z" }],
    ...more,
  });
  const post = [
    run(root, {
      dotted_order: rootOrder,
      run_type: "chain",
      start_time: "2026-11-20T23:59:59.999999Z",
      inputs: { text: 'line\nbreak, "quotes", {braces}', list: [1, null, { deep: true }] },
      extra: { metadata: { thread_id: "t" } },
    }),
    run(child, {
      dotted_order: `${rootOrder}.20261121T000000000000Z${child}`,
      parent_run_id: root,
      run_type: "llm",
      start_time: "2026-11-21T00:00:00Z",
      error: "boom",
    }),
  ];
  const headers = { "content-type": "application/json" };
  const sent = await fetch(`${far.url}/runs/batch`, {
    method: "POST",
    headers,
    body: JSON.stringify({ post }),
  });
  expect(sent.status).toBe(202);

  const folder = freshFolder();
  const counts = await writeParquetRuns({
    source: servers.source(),
    folder,
    exportId: "e1",
    tenantId: "t1",
    dataDir: far.dataDir,
  });
  expect(counts).toEqual({ exported: 2 });
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".parquet"),
  );
  expect(files.map((name) => name.replace(/[0-9a-f-]{36}/, "S").replace(/[^/]*$/, "")).sort()).toEqual([
    "export_id=e1/tenant_id=t1/session_id=S/runs/year=2026/month=11/day=20/",
    "export_id=e1/tenant_id=t1/session_id=S/runs/year=2026/month=11/day=21/",
  ]);

  // Projects first, so that their names are known.
  await servers.pull({ since: new Date("2026-11-26T00:00:00Z") });
  const first = await importParquetExport({ folder, door, dataDir: near.dataDir });
  expect(first.types.find(({ type }) => type === "runs")).toMatchObject({ found: 2, stored: 2, skipped: [] });
  const verified = await verifyLangSmith({ source: servers.source(), door });
  expect(verified.types[0]).toMatchObject({ type: "runs", there: { count: 2 }, differing: { count: 0 } });
  expect(verified.equal).toBe(true);
  const second = await importParquetExport({ folder, door, dataDir: near.dataDir });
  expect(second.types.find(({ type }) => type === "runs")).toMatchObject({ stored: 0, unchanged: 2 });
});

test("a folder without Parquet is refused, and a damaged file is named", async () => {
  const { near, door } = servers;
  const folder = freshFolder();
  const again = () => importParquetExport({ folder, door, dataDir: near.dataDir });
  await expect(again()).rejects.toMatchObject({ code: "CF_NOT_FOUND" });
  mkdirSync(join(folder, "x"));
  writeFileSync(join(folder, "x", "bad.parquet"), "no parquet");
  await expect(again()).rejects.toThrow(/bad\.parquet/);
});
