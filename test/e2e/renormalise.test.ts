import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { type CliResult, runCli } from "../cli/run-cli.js";
import { sendSpans, startServer } from "./server.js";

let dataDir: string;
beforeAll(() => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-renormalise-"));
});
afterAll(() => rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 }));

const renormalise = (...args: string[]): Promise<CliResult> =>
  runCli(["renormalise", "--data-dir", dataDir, ...args]);
const levels = (): number[] => readCatalog(dataDirPaths(dataDir).mirror).files.map(({ level }) => level);

it("the server renormalises when there is one, the command by itself when there is none, and a dry run touches nothing", async () => {
  expect((await renormalise()).stdout).toContain("Nothing to do");
  const server = await startServer(dataDir);
  await sendSpans(server.url, ["a", "b"]);
  await server.flush();
  expect((await renormalise()).stdout).toContain("Nothing to do");
  const dry = await renormalise("--all", "--dry-run");
  expect(dry.stdout).toContain("Would rewrite 2 spans in 1 files");
  expect(levels()).toEqual([0]);
  const done = await renormalise("--all");
  expect(done).toMatchObject({ code: 0, stderr: "" });
  expect(done.stdout).toMatch(/Rewrote 2 spans in 1 files by rule set \d+\. No value changed\./);
  expect(levels()).toEqual([1]);
  server.cli.child.kill("SIGTERM");
  expect((await server.cli.ended).code).toBe(0);
  const alone = await renormalise("--all", "--json");
  expect(JSON.parse(alone.stdout)).toMatchObject({
    dry_run: false,
    files: 1,
    rows: 2,
    changes: {},
    damaged: [],
  });
  expect((await renormalise("--all", "--since", "2000-01-01", "--dry-run")).stdout).toContain("2 spans");
  expect((await renormalise("--since", "soon")).code).toBe(2);
});
