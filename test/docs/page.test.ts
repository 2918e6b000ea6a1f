import { describe, expect, it } from "vitest";
import { missingLine, readBlocks } from "./page.js";

const fence = "```";
const page = (...lines: string[]): string => lines.join("\n").replaceAll("~~~", fence);

describe("blocks of a page", () => {
  it("are read in order with their action, exit code, value and line", () => {
    const blocks = readBlocks(
      page(
        "# T",
        "~~~sh run exit=3",
        "a",
        "",
        "b",
        "~~~",
        "~~~yaml file=x.yaml",
        "k: v",
        "~~~",
        '~~~sh skip="needs Docker"',
        "~~~",
        "~~~sh run server",
        "s",
        "~~~",
      ),
    );
    expect(
      blocks.map(({ action, exitCode, value, line, text }) => [action, exitCode, value, line, text]),
    ).toEqual([
      ["run", 3, "", 2, "a\n\nb\n"],
      ["file", 0, "x.yaml", 7, "k: v\n"],
      ["skip", 0, "needs Docker", 10, "\n"],
      ["server", 0, "", 12, "s\n"],
    ]);
  });

  it("in lists lose the indent of their fence, and blocks inside a longer fence are text", () => {
    const blocks = readBlocks(
      page("- x", "  ~~~sh run", "  a", "    b", "  ~~~", "````md", "~~~sh run", "c", "~~~", "````"),
    );
    expect(blocks.map((block) => [block.action, block.text])).toEqual([
      ["run", "a\n  b\n"],
      ["none", "```sh run\nc\n```\n"],
    ]);
  });

  it("with a word that means nothing are an error that names the line, as is a block that never ends", () => {
    expect(() => readBlocks(page("~~~sh rnu", "a", "~~~"))).toThrow('line 1: "rnu" means nothing');
    expect(() => readBlocks(page("~~~sh exit=1", "a", "~~~"))).toThrow("exit=1");
    expect(() => readBlocks(page("x", "~~~sh run", "a"))).toThrow("line 2: the block is never closed");
  });
});

describe("expected output", () => {
  it("must be there line by line in order, dots match anything and spaces any number of spaces", () => {
    const output = "name   rows\n────\nspans    12\nlogs 3\n";
    expect(missingLine(output, "name rows\nspans ...\n...\nlogs 3\n")).toBeUndefined();
    expect(missingLine(output, "logs 3\nspans 12\n")).toBe("spans 12");
    expect(missingLine(output, "spans 1\n")).toBe("spans 1");
    expect(missingLine("spans\n3\n", "... 3 ...\n")).toBeUndefined();
    expect(missingLine("chat small-1/x", "chat small-1/x")).toBeUndefined();
    expect(missingLine("a.b (c)", "a.b (c)")).toBeUndefined();
    expect(missingLine("axb (c)", "a.b (c)")).toBe("a.b (c)");
  });
});
