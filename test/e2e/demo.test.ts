import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { tempFolder } from "../cli/data-dir.js";
import { type CliResult, MAIN, runCli, startCli } from "../cli/run-cli.js";
import { LangSmithStandIn } from "../support/langsmith-stand-in.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = tempFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

/** Takes the default ports if nobody has them, so that the demo must find others. */
async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((done) => {
    server.once("error", () => done());
    server.listen(port, "127.0.0.1", done);
  });
  return server;
}

describe("counterfoil demo", () => {
  it("takes free ports when the defaults are taken, finds the wrong answer and its cost, and ends by itself with 0", async () => {
    const taken = await Promise.all([occupy(4318), occupy(4317)]);
    let result: CliResult;
    try {
      result = await runCli(["demo"], { cwd: folder });
    } finally {
      for (const server of taken) server.close();
    }
    const { code, stdout, stderr } = result;
    expect([code, stderr], stdout).toEqual([0, ""]);
    expect(stdout).not.toMatch(/127\.0\.0\.1:431[78]\b/);
    expect(stdout).toMatch(/8 conversations, 9 messages, .*7 answered, 1 failed/);
    expect(stdout).toMatch(/conv-okafor {2}rate SAVER-NR {2}cost \$0\.0\d+ {2}trace [0-9a-f]{32}/);
    expect(stdout).toContain("fully refundable");
    expect(stdout).toContain("execute_tool search_bookings  tool");
    expect(stdout).toContain("not sent: LANGSMITH_API_KEY is not set");
    expect(stdout).toContain(
      `cd ${join(folder, "counterfoil-data", "demo", "mirror")} && duckdb -init open.sql`,
    );
    expect(existsSync(join(folder, "counterfoil-data", "demo", "server.json"))).toBe(false);
    // What it tells to do next works as it is printed.
    const goOn = stdout
      .slice(stdout.indexOf("Go on"))
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line.startsWith("node "));
    expect(goOn).toHaveLength(4);
    for (const line of goOn.slice(0, 3)) {
      const shell = spawnSync("sh", ["-c", line], { cwd: folder, encoding: "utf8" });
      expect([shell.status, shell.stderr], line).toEqual([0, ""]);
      expect(shell.stdout.split("\n").length, line).toBeGreaterThan(3);
    }
    expect(goOn[0]).toContain(MAIN);
  }, 90_000);

  it("takes free ports when other demos take the defaults at the same moment", async () => {
    const runs = await Promise.all(
      ["first", "second", "third"].map((name) =>
        runCli(["demo", "--data-dir", join(folder, name)], { cwd: folder }),
      ),
    );
    for (const { code, stdout, stderr } of runs) expect([code, stderr], stdout).toEqual([0, ""]);
  }, 90_000);

  it("sends every span to LangSmith when its key is set, names the project, and never prints the key", async () => {
    const langsmith = new LangSmithStandIn();
    const endpoint = await langsmith.start();
    const env = {
      LANGSMITH_API_KEY: "lsv2_pt_canary",
      LANGSMITH_ENDPOINT: endpoint,
      LANGSMITH_PROJECT: "meridian",
    };
    const { code, stdout, stderr } = await runCli(["demo", "--data-dir", join(folder, "sent")], {
      env,
      cwd: folder,
    });
    await langsmith.stop();
    expect([code, stderr], stdout).toEqual([0, ""]);
    const spans = Number(/(\d+) spans accepted/.exec(stdout)?.[1]);
    expect(spans).toBeGreaterThan(50);
    expect(stdout).toContain(`project "meridian": ${spans} spans delivered`);
    expect([langsmith.runs.size, langsmith.problems]).toEqual([spans, []]);
    expect(new Set([...langsmith.runs.values()].map((run) => run.session_name))).toEqual(
      new Set(["meridian"]),
    );
    expect(stdout + stderr).not.toContain("lsv2_pt_canary");
  }, 90_000);

  it("with --keep keeps serving until Ctrl-C, and still ends with 0", async () => {
    const dataDir = join(folder, "kept");
    const demo = startCli(["demo", "--keep", "--data-dir", dataDir], { cwd: folder });
    await expect.poll(() => demo.stdout(), { timeout: 60_000 }).toContain("Ctrl-C stops the server");
    const { url } = JSON.parse(readFileSync(join(dataDir, "server.json"), "utf8")) as { url: string };
    expect((await fetch(`${url}/readyz`)).status).toBe(200);
    demo.child.kill("SIGINT");
    expect((await demo.ended).code).toBe(0);
  }, 90_000);

  it("is what `npm run demo` runs", () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(scripts["demo"]).toBe("tsc -b && node dist/cli/main.js demo");
  });
});
