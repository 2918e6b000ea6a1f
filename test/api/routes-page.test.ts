import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createApi } from "../../api/index.js";
import { LANGSMITH_ROUTES } from "../../api/langsmith/routes.js";
import { routesTable } from "../../api/langsmith/routes-table.js";

const PAGE = new URL("../../docs/coming-from-langsmith.md", import.meta.url);
const TABLE = /(<!-- routes:[^>]*-->\n)[^]*(<!-- \/routes -->)/;

/** Cells without the spaces that the formatter adds. */
function cells(table: string): string[][] {
  return table
    .trim()
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim().replace(/^-+$/, "-")));
}

test("the page lists every route with its state (UPDATE_ROUTES=1 writes it)", () => {
  const page = readFileSync(PAGE, "utf8");
  if (process.env["UPDATE_ROUTES"] === "1") {
    writeFileSync(
      PAGE,
      page.replace(TABLE, (_all, open: string, close: string) => `${open}\n${routesTable()}\n${close}`),
    );
  }
  const found = TABLE.exec(readFileSync(PAGE, "utf8"))?.[0] ?? "";
  const table = found.slice(found.indexOf("\n"), found.lastIndexOf("\n"));
  expect(cells(table)).toEqual(cells(routesTable()));
});

test("a route is done exactly when it has a handler, and any other answers 501 that names it", async () => {
  const api = createApi({
    dataDir: "/nowhere",
    bodyBytesMax: 1_000,
    append: () => Promise.reject(new Error("not here")),
    sealed: async () => undefined,
    durableSeq: () => 0,
    mirror: {
      sealedSeq: () => 0,
      tables: () => new Set(),
      newestSpans: () => undefined,
      onSealed: () => () => undefined,
    },
    destinations: async () => [],
    onError: () => undefined,
  });
  for (const { method, path, handler } of LANGSMITH_ROUTES.filter((route) => route.handler === undefined)) {
    expect(handler).toBeUndefined();
    const handle = api.find(method, path.replaceAll(/\{[^}]*\}/g, "x"));
    const request = {
      method,
      path,
      query: new URLSearchParams(),
      header: () => undefined,
      body: new Uint8Array(),
    };
    const answer = await handle?.(request);
    const text = typeof answer?.body === "string" ? answer.body : "";
    expect([answer?.status, text.includes(`${method} ${path}`)]).toEqual([501, true]);
  }
  await api.close();
});
