import { spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { commandName } from "../../cli/command-name.js";
import { byteSize, durationMs, pointInTime } from "../../cli/options.js";
import { addSpans, tempFolder } from "./data-dir.js";
import { MAIN, runCli, startCli } from "./run-cli.js";

const folder = tempFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

describe("counterfoil", { timeout: 90_000 }, () => {
  it("prints the package's version, and help with examples and exit codes", async () => {
    const packageFile = fileURLToPath(new URL("../../package.json", import.meta.url));
    const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { version: string };
    const [asked, help] = await Promise.all([runCli(["--version"]), runCli(["help"])]);
    expect([asked.code, asked.stdout]).toEqual([0, `${version}\n`]);
    expect([help.code, help.stderr]).toEqual([0, ""]);
    expect(help.stdout).toContain("Exit codes:");
  });

  it("suggests the command or option that was meant, on standard error, with 2", async () => {
    const [command, option, extra, nothing] = await Promise.all([
      runCli(["strat"]),
      runCli(["status", "--jsno"]),
      runCli(["status", "now"]),
      runCli([]),
    ]);
    expect([command.code, option.code, extra.code, nothing.code]).toEqual([2, 2, 2, 2]);
    expect(command.stderr).toContain("Did you mean start?");
    expect(option.stderr).toContain("Did you mean --json?");
    expect([command, option, extra, nothing].map(({ stdout }) => stdout)).toEqual(["", "", "", ""]);
  });

  it("ends a query at Ctrl-C with 130, and leaves no process behind", async () => {
    const dataDir = join(folder, "data");
    await addSpans(dataDir, 1, [{ trace_id: "a".repeat(32), span_id: "1".repeat(16), name: "x" }]);
    const query = startCli([
      "sql",
      "--data-dir",
      dataDir,
      "--timeout",
      "60s",
      "SELECT count(*) FROM range(10000000000000)",
    ]);
    let children: string[] = [];
    await expect
      .poll(() => (children = childrenOf(query.child.pid ?? 0)), { timeout: 60_000 })
      .not.toEqual([]);
    query.child.kill("SIGINT");
    const { code, stdout } = await query.ended;
    expect([code, stdout]).toEqual([130, ""]);
    await expect.poll(() => children.filter(isRunning), { timeout: 10_000 }).toEqual([]);
  });

  it("is silent when the reader of its output goes away", async () => {
    const dataDir = join(folder, "pipe");
    await addSpans(dataDir, 1, [{ trace_id: "a".repeat(32), span_id: "1".repeat(16), name: "x" }]);
    const shell = spawn("bash", [
      "-c",
      `set -o pipefail; "${process.execPath}" "${MAIN}" sql --data-dir "${dataDir}" --format jsonl "SELECT range AS n, repeat('x', 1000) AS text FROM range(20000)" | head -n 1`,
    ]);
    let stdout = "";
    let stderr = "";
    shell.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    shell.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const code = await new Promise((done) => shell.once("close", done));
    expect([code, stderr, stdout.slice(0, 7)]).toEqual([0, "", '{"n":0,']);
  });
});

/** Children of a process, by Linux's own list; the query's child is a Node process that the shell became. */
function childrenOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
      .split(" ")
      .filter((child) => child !== "");
  } catch {
    return [];
  }
}

function isRunning(pid: string): boolean {
  try {
    return !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describe("values of options", () => {
  it("are durations, sizes and times with units, and nothing else", () => {
    expect(["500ms", "30s", "5m", "2h", "7d", "1.5s"].map(durationMs)).toEqual([
      500, 30_000, 300_000, 7_200_000, 604_800_000, 1500,
    ]);
    expect(["512MB", "2GiB", "100", "1.5KiB", "10 B"].map(byteSize)).toEqual([512e6, 2 ** 31, 100, 1536, 10]);
    for (const bad of ["", "5", "5 minutes", "-1s", "1e3s"])
      expect(() => durationMs(bad), bad).toThrow("duration");
    for (const bad of ["", "MB", "1XB", "-1", "1.2.3MB"]) expect(() => byteSize(bad), bad).toThrow("size");
  });

  it("read a time without a zone as UTC", () => {
    const iso = (text: string): string => pointInTime(text).toISOString();
    expect(iso("2026-11-23T10:00")).toBe("2026-11-23T10:00:00.000Z");
    expect(iso("2026-11-23 10:00:01.5")).toBe("2026-11-23T10:00:01.500Z");
    expect(iso("2026-11-23")).toBe("2026-11-23T00:00:00.000Z");
    expect(iso("2026-11-23T10:00+02:00")).toBe("2026-11-23T08:00:00.000Z");
    expect(Math.abs(Date.now() - 7_200_000 - pointInTime("2h").getTime())).toBeLessThan(1000);
    for (const bad of ["yesterday", "2026-13-01", "10:00", "2026"])
      expect(() => pointInTime(bad), bad).toThrow("ISO");
  });
});

describe("the command to paste", () => {
  it("is how the user called us", () => {
    expect(commandName("/repo/dist/cli/main.js", { npm_command: "run-script" }, "/repo")).toBe(
      "npx counterfoil",
    );
    expect(commandName("/repo/dist/cli/main.js", { npm_command: "exec" }, "/repo")).toBe("npx counterfoil");
    expect(commandName("/repo/dist/cli/main.js", {}, "/repo")).toBe("node dist/cli/main.js");
    expect(commandName("/my repo/dist/cli/main.js", {}, "/")).toBe('node "my repo/dist/cli/main.js"');
    expect(commandName("/repo/dist/cli/main.js", {}, "/tmp")).toBe("node /repo/dist/cli/main.js");
    expect(commandName("/usr/bin/counterfoil", {}, "/tmp")).toBe("counterfoil");
    expect(commandName("/app/node_modules/.bin/counterfoil", {}, "/app")).toBe("npx counterfoil");
  });
});
