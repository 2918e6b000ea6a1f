import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as semconv from "@opentelemetry/semantic-conventions/incubating";
import { describe, expect, it } from "vitest";
import { PACKAGE_NAME, PACKAGE_VERSION } from "../../instrumentation/src/index.js";
import * as names from "../../instrumentation/src/semconv.js";
import { ROOT } from "./run-node.js";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies?: object;
  readonly peerDependencies: object;
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional: boolean }>>;
}

const FOLDER = join(ROOT, "instrumentation");

describe("the package @counterfoil/instrumentation", () => {
  const manifest = JSON.parse(readFileSync(join(FOLDER, "package.json"), "utf8")) as Manifest;

  it("names itself as the package does, in the instrumentation scope", () => {
    expect([PACKAGE_NAME, PACKAGE_VERSION]).toEqual([manifest.name, manifest.version]);
  });

  it("has no dependency, and @opentelemetry/api as its only peer that is required", () => {
    expect(manifest.dependencies).toBeUndefined();
    const required = Object.keys(manifest.peerDependencies).filter(
      (name) => manifest.peerDependenciesMeta[name]?.optional !== true,
    );
    expect(required).toEqual(["@opentelemetry/api"]);
  });

  it("imports nothing but Node, @opentelemetry/api and its own files", () => {
    const sources = readdirSync(join(FOLDER, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts"),
    );
    const imported = sources.flatMap((file) => {
      const text = readFileSync(join(FOLDER, "src", file), "utf8");
      return [...text.matchAll(/(?:from|import) "([^"]+)"/g)].map((match) => match[1] ?? "");
    });
    expect(sources.length).toBeGreaterThan(20);
    const others = imported.filter((name) => !name.startsWith("./") && !name.startsWith("../"));
    expect(new Set(others.filter((name) => !name.startsWith("node:")))).toEqual(
      new Set(["@opentelemetry/api"]),
    );
  });

  it("writes attribute names that OpenTelemetry's constants know, but for a listed few", () => {
    const known = new Set<unknown>(Object.values(semconv).filter((value) => typeof value === "string"));
    const own = Object.values(names).filter((name) => name !== "_OTHER" && !known.has(name));
    expect(own.sort()).toEqual([
      // Newer than the constants package, which stopped at 1.41; and three that are no OpenTelemetry names.
      "counterfoil.stream.incomplete",
      "gen_ai.request.previous_response.id",
      "gen_ai.request.reasoning.level",
      "gen_ai.retrieval.top_k",
      "gen_ai.usage.cache_write.input_tokens",
      "gen_ai.usage.cost",
      "langsmith.trace.session_name",
    ]);
  });
});
