import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RULE_SET_VERSION } from "../../schema/index.js";
import { readCatalog } from "../../store/index.js";
import { addSpans, tempFolder } from "./data-dir.js";
import { runCli } from "./run-cli.js";

const folder = tempFolder();
const dataDir = join(folder, "data");
const SPAN = "00f067aa0ba902b7";

const run = (...args: string[]): ReturnType<typeof runCli> => runCli([...args, "--data-dir", dataDir]);

beforeAll(async () => {
  await addSpans(dataDir, 1, [
    {
      trace_id: "4bf92f3577b34da6a3ce929d0e0e4736",
      span_id: SPAN,
      name: "chat",
      start_time: "2026-11-23 10:00:00",
      attributes:
        "{openinference.span.kind=LLM, llm.provider=openai, llm.system=groq, my.own=x, llm.tools.0.name=y}",
      attribute_layout: "sssss",
      dialect: "openinference",
      rule_set_version: RULE_SET_VERSION,
    },
  ]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("counterfoil explain", { timeout: 90_000 }, () => {
  it("shows the source of each column, what other sources say, and what nobody reads", async () => {
    const { code, stdout } = await run("explain", SPAN);
    expect(code).toBe(0);
    expect(stdout).toMatch(/run_type +llm +openinference\.span\.kind/);
    expect(stdout).toMatch(/provider +llm\.system +groq/);
    expect(stdout).toMatch(/no rule reads[^]*my\.own/);
  });

  it("says so when there is no such span, or no such id can be", async () => {
    expect((await run("explain", "0000000000000009")).code).toBe(5);
    expect((await run("explain", "xyz")).code).toBe(2);
  });
});

describe("counterfoil coverage", { timeout: 90_000 }, () => {
  it("lists the attributes that no rule reads, and with --all the others too", async () => {
    const names = async (...more: string[]): Promise<string[]> => {
      const { stdout } = await run("coverage", "--json", ...more);
      return (JSON.parse(stdout) as { attribute: string }[]).map(({ attribute }) => attribute);
    };
    expect(await names()).toEqual(["my.own"]);
    expect(await names("--all")).toContain("llm.tools.N.name");
  });

  it("item 61: says which files it had to leave out, and explain goes on with the others", async () => {
    const broken = join(folder, "broken");
    cpSync(dataDir, broken, { recursive: true });
    await addSpans(broken, 2, [{ trace_id: "a".repeat(32), span_id: "b".repeat(16), name: "lost" }]);
    const lost = readCatalog(join(broken, "mirror")).files.find(({ firstSeq }) => firstSeq === 2)?.path ?? "";
    rmSync(join(broken, "mirror", lost));
    for (const command of [["coverage"], ["explain", SPAN]]) {
      const { code, stderr } = await runCli([...command, "--data-dir", broken]);
      expect(code, stderr).toBe(0);
      expect(stderr).toContain(`${lost} is missing: 1 rows of spans are left out`);
    }
  });
});
