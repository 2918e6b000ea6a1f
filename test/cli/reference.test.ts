import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { EXIT, EXIT_CODE_TEXT } from "../../cli/exit-codes.js";
import { createIo } from "../../cli/io.js";
import { createProgram } from "../../cli/program.js";
import { commandReference, leafCommands, REFERENCE_END, REFERENCE_START } from "./reference.js";

const PAGE = fileURLToPath(new URL("../../docs/cli.md", import.meta.url));
const program = await createProgram(createIo());
const leaves = leafCommands(program);

describe("docs/cli.md", () => {
  it("has every command and option as the code has them (UPDATE_DOCS=1 rewrites it)", () => {
    const page = readFileSync(PAGE, "utf8");
    const start = page.indexOf(REFERENCE_START) + REFERENCE_START.length;
    const end = page.indexOf(REFERENCE_END);
    expect(end).toBeGreaterThan(start);
    const reference = `\n\n${commandReference(program)}\n\n`;
    if (process.env["UPDATE_DOCS"]) writeFileSync(PAGE, page.slice(0, start) + reference + page.slice(end));
    else expect(page.slice(start, end)).toBe(reference);
  });

  it("has every exit code", () => {
    const page = readFileSync(PAGE, "utf8");
    for (const code of Object.values(EXIT)) {
      const row = page.split("\n").find((line) => new RegExp(`^\\| *${code} *\\|`).test(line));
      expect(row?.split("|")[2]?.trim(), `exit code ${code}`).toBe(EXIT_CODE_TEXT[code]);
    }
  });
});

describe("help", () => {
  it.each(leaves)(
    "of $name teaches: what it does, --data-dir, and examples that its options accept",
    ({ name, command }) => {
      expect(command.description()).not.toBe("");
      expect(command.options.map((option) => option.long)).toContain("--data-dir");
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      const examples =
        help
          .split("Examples:\n")[1]
          ?.split("\n")
          .filter((line) => line.includes("counterfoil ")) ?? [];
      expect(examples.length, help).toBeGreaterThan(0);
      for (const example of examples) {
        expect(example).toContain(name);
        const known = command.options.flatMap((option) => [option.long, option.short]);
        for (const [flag] of example.split("|")[0]?.matchAll(/(?<=\s)--?[a-z][a-z-]*/g) ?? [])
          expect(known).toContain(flag);
      }
    },
  );

  it("of each command is as reviewed", async () => {
    const pages = [{ name: "counterfoil", command: program }, ...leaves].map(({ name, command }) => {
      let help = "";
      command.configureOutput({ writeOut: (text) => (help += text), getOutHelpWidth: () => 100 });
      command.outputHelp();
      return `$ ${name} --help\n\n${help}`;
    });
    await expect(pages.join("\n")).toMatchFileSnapshot("./help.golden.txt");
  });
});
