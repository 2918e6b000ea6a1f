import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { type CliResult, runCli } from "../cli/run-cli.js";
import { sendSpans, startServer } from "./server.js";

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-scrub-"));
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));

const scrub = (...args: string[]): Promise<CliResult> => runCli(["scrub", "--data-dir", dataDir, ...args]);

async function names(): Promise<{ names: string[]; stderr: string }> {
  const sql = "SELECT name FROM spans ORDER BY name";
  const { code, stderr, stdout } = await runCli(["sql", "--data-dir", dataDir, "--format", "jsonl", sql]);
  expect(code, stderr).toBe(0);
  const rows = stdout.trim().split("\n").filter(Boolean);
  return { names: rows.map((row) => (JSON.parse(row) as { name: string }).name), stderr };
}

const newestFile = (): string => readCatalog(dataDirPaths(dataDir).mirror).files.at(-1)?.path ?? "";

/** Overwrites the middle of a file of the mirror, so that its size stays. */
function damage(path: string): void {
  const full = join(dataDirPaths(dataDir).mirror, path);
  const bytes = readFileSync(full);
  bytes.fill(0xa5, bytes.length >> 3, bytes.length - (bytes.length >> 3));
  writeFileSync(full, bytes);
}

it("item 61: with a server running: queries go on without a damaged file and say so, scrub has the server repair it", async () => {
  const server = await startServer(dataDir);
  await sendSpans(server.url, ["a", "b"]);
  await server.flush();
  await sendSpans(server.url, ["c"]);
  await server.flush();
  const path = newestFile();
  damage(path);
  const without = await names();
  expect(without.names).toEqual(["a", "b"]);
  expect(without.stderr).toContain(`${path} is damaged`);
  expect(without.stderr).toContain("counterfoil scrub");
  const repaired = await scrub();
  expect(repaired).toMatchObject({ code: 9 });
  expect(repaired.stdout).toContain(`damaged  ${path} has other bytes than its checksum says`);
  expect(repaired.stdout).toContain(`rebuilt  ${path}: 1 rows, from the journal`);
  expect((await names()).names).toEqual(["a", "b", "c"]);
  expect(await scrub()).toMatchObject({ code: 0 });
  server.cli.child.kill("SIGTERM");
  expect((await server.cli.ended).code).toBe(0);
});

it("item 61: without a server: --check changes nothing, scrub repairs, and what can't be had back stays on record until it is accepted", async () => {
  const { mirror, journal } = dataDirPaths(dataDir);
  damage(newestFile());
  const manifest = readFileSync(join(mirror, "manifest.jsonl"));
  const looked = await scrub("--check", "--json");
  expect(looked.code).toBe(10);
  expect(JSON.parse(looked.stdout)).toMatchObject({
    damaged: [{ damage: "content" }],
    rebuilt: [],
    lost: [],
  });
  expect(readFileSync(join(mirror, "manifest.jsonl"))).toEqual(manifest);
  expect(await scrub()).toMatchObject({ code: 9 });
  expect((await names()).names).toEqual(["a", "b", "c"]);
  damage(newestFile());
  rmSync(journal, { recursive: true });
  const lost = await scrub();
  expect(lost).toMatchObject({ code: 10 });
  expect(lost.stdout).toMatch(/lost +spans\/.*: 1 rows of spans, from requests 2 to 2/);
  expect((await names()).names).toEqual(["a", "b"]);
  expect(await scrub()).toMatchObject({ code: 10 });
  await scrub("--accept-loss");
  expect(await scrub()).toMatchObject({ code: 0 });
});
