import { expect, test } from "vitest";
import { Router } from "../../api/http/router.js";
import { canonicalPath } from "../../api/langsmith/langsmith-api.js";
import { LANGSMITH_ROUTES } from "../../api/langsmith/routes.js";

test("a literal segment beats a named one, whatever the order of the routes", () => {
  const router = new Router([
    { method: "GET", path: "/datasets/{dataset_id}" },
    { method: "GET", path: "/datasets/upload" },
  ]);
  expect(router.find("GET", "/datasets/upload")?.route.path).toBe("/datasets/upload");
  expect(router.find("GET", "/datasets/a%2Fb/")?.params).toEqual({ dataset_id: "a/b" });
  expect(router.find("GET", "/datasets/%zz")).toBeUndefined();
  expect(router.find("POST", "/datasets/upload")).toBeUndefined();
});

test.each([
  ["/runs", "/runs"],
  ["/api/v1/runs", "/runs"],
  ["/v1/platform/datasets", "/platform/datasets"],
  ["/api/v1/platform/datasets", "/platform/datasets"],
  ["/api/v2/runs/query", "/v2/runs/query"],
  ["/v2/sql/query", "/v2/sql/query"],
])("%s is the route %s under every form of the endpoint", (path, canonical) => {
  expect(canonicalPath(path)).toBe(canonical);
});

test("no route is listed twice", () => {
  const names = LANGSMITH_ROUTES.map(({ method, path }) => `${method} ${path.replace(/\{[^}]*\}/g, "{}")}`);
  expect(new Set(names).size).toBe(names.length);
});
