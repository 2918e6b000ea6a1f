/**
 * Runs what the documentation shows. Every page (README.md, docs/, the READMEs of examples and instrumentation) is
 * read from top to bottom in a temporary directory of its own; the first line of a fenced block says what to do:
 *
 *   ```sh run            run by `bash -euo pipefail`; must exit with 0
 *   ```sh run exit=3     must exit with 3
 *   ```sh run server     one command that stays in the foreground (`npx counterfoil start ...`): kept until the page ends
 *   ```js run            an ES module, run by node; packages of the repository resolve, `counterfoil/...` too
 *   ```sql run           run through `counterfoil sql`
 *   ```yaml file=NAME    (any language) written to NAME in the directory
 *   ```text expect       (any language) its lines must be in the output of the block above, in order; `...` in a line
 *                        matches anything, spaces count as any number of spaces
 *   ```sh skip="why"     not run, for the reason given. In docs/ and README.md every sh block must say run or skip.
 *
 * A page writes the default addresses (127.0.0.1:4318, localhost:4317); they are replaced by the ports of the page's
 * server, which takes free ones. A page that speaks to them, or runs an example, gets `counterfoil start` by itself
 * unless it has a `server` block. OTEL_EXPORTER_OTLP_ENDPOINT points at it; LANGSMITH_* is never set. The data directory
 * is ./counterfoil-data.
 * `npx counterfoil demo --data-dir counterfoil-data` alone in a block is run once; later pages get a copy of what it made.
 * Before each block everything sent so far is in the mirror. `npx counterfoil`, `counterfoil` and
 * `node dist/cli/main.js` work, `duckdb` too. Each block is a shell of its own: files stay, variables don't.
 * A block inside an HTML comment runs as well, for set-up that a reader need not see.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { missingLine, readBlocks } from "./page.js";
import { PageRunner } from "./runner.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const PAGES = ["README.md", "instrumentation/README.md", "docs", "examples"].flatMap(markdownFiles);
const BLOCK_TIMEOUT_MS = 90_000;

for (const page of PAGES) {
  const blocks = readBlocks(readFileSync(join(ROOT, page), "utf8"));
  const steps = blocks.filter((block) => block.action === "run" || block.action === "server");
  if (/^(?:docs\/|README)/.test(page) && !page.startsWith("docs/adr/")) {
    it(`${page}: every shell command is run, or says why not`, () => {
      const open = blocks.filter(
        (block) => /^(?:sh|bash|shell)$/.test(block.language) && block.action === "none",
      );
      expect(open.map((block) => `${page}:${block.line}`)).toEqual([]);
    });
  }
  if (steps.length === 0) continue;
  describe(page, () => {
    const runner = new PageRunner();
    const ownServer = steps.some((block) => block.action === "server");
    let output = "";
    beforeAll(async () => {
      if (!ownServer && PageRunner.needsServer(steps)) await runner.startServer();
    });
    afterAll(() => runner.close());
    for (const block of blocks) {
      const title = `line ${block.line}: ${block.language} ${block.text.trim().split("\n")[0] ?? ""}`;
      if (block.action === "file") {
        it(`${title} is written to ${block.value}`, () => runner.writeFile(block.value, block.text));
      } else if (block.action === "server") {
        it(`${title} starts`, () => runner.startServer(block.text), BLOCK_TIMEOUT_MS);
      } else if (block.action === "run") {
        it(
          title,
          async () => {
            const result = await runner.run(block);
            output = result.stdout + result.stderr;
            expect(result.exitCode, output).toBe(block.exitCode);
          },
          BLOCK_TIMEOUT_MS,
        );
      } else if (block.action === "expect") {
        it(`line ${block.line}: the output is as shown`, () => {
          expect(missingLine(output, block.text), output).toBeUndefined();
        });
      }
    }
  });
}

function markdownFiles(path: string): string[] {
  if (!existsSync(join(ROOT, path))) return [];
  if (path.endsWith(".md")) return [path];
  return readdirSync(join(ROOT, path), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .map((name) => `${path}/${name}`)
    .sort();
}
