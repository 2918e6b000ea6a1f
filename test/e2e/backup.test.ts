import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { queryRows } from "../../store/index.js";
import { sendSpans, startServer, type TestServer } from "./server.js";

const PAGE = fileURLToPath(new URL("../../docs/backup.md", import.meta.url));
const REQUESTS_BEFORE = 40;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "counterfoil-backup-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true, maxRetries: 20 }));

/** The commands that the page shows, as they are. */
function documentedCommands(): string {
  const block = /```sh run\n(?<commands>(?:(?!```)[^])*cp -[^]*?)```/.exec(readFileSync(PAGE, "utf8"));
  expect(block).not.toBeNull();
  return block?.groups?.["commands"] ?? "";
}

async function loadUntil(server: TestServer, isOver: () => boolean, sent: string[]): Promise<void> {
  for (let n = sent.length; !isOver(); n++) {
    const name = `span ${n}`;
    await sendSpans(server.url, [name]);
    sent.push(name);
  }
}

it("item 60: copied as documented while the server runs under load, the copy starts and has everything accepted before the copying began, once", async () => {
  const server = await startServer(join(root, "counterfoil-data"));
  const sent: string[] = [];
  await loadUntil(server, () => sent.length === REQUESTS_BEFORE, sent);
  await server.flush();
  let copied = false;
  const before = sent.length;
  const load = loadUntil(server, () => copied, sent);
  execFileSync("bash", ["-euo", "pipefail", "-c", documentedCommands()], { cwd: root, stdio: "pipe" });
  copied = true;
  await load;
  server.cli.child.kill("SIGKILL");
  await server.cli.ended;
  const copy = join(root, "counterfoil-backup");
  const restored = await startServer(copy);
  await sendSpans(restored.url, ["after"]);
  await restored.flush();
  restored.cli.child.kill("SIGTERM");
  await restored.cli.ended;
  const rows = await queryRows({ dataDir: copy, sql: "SELECT name FROM spans" });
  const names = rows.map(({ name }) => name as string);
  expect(new Set(names).size).toBe(names.length);
  expect(names).toEqual(expect.arrayContaining([...sent.slice(0, before), "after"]));
});
