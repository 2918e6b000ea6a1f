import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import {
  configJsonSchema,
  defaultConfig,
  defaultConfigText,
  effectiveConfig,
  formatProblems,
  loadConfig,
  readConfig,
} from "../../collector/config/index.js";
import { durationMs, sizeBytes } from "../../collector/config/units.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const fixtures = join(root, "test/fixtures/config");
const names = readdirSync(fixtures)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => name.slice(0, -".yaml".length));

const minimal = (http = "", more = ""): string => `
receivers: { otlp: { protocols: { http: { ${http} } } } }
exporters: { mirror: ${more} }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror] } } }
`;

describe("invalid configurations", () => {
  it.each(names)(
    "item 91: %s.yaml gives exactly the messages beside it, all at once, each with its place",
    (name) => {
      const text = readFileSync(join(fixtures, `${name}.yaml`), "utf8");
      const { config, errors } = readConfig(
        { text, file: `${name}.yaml` },
        { COUNTERFOIL_TEST_TEXT: "text" },
      );
      expect(config).toBeUndefined();
      expect(`${formatProblems(`${name}.yaml`, errors)}\n`).toBe(
        readFileSync(join(fixtures, `${name}.txt`), "utf8"),
      );
    },
  );

  it("loadConfig throws one error that holds them all", () => {
    const text = readFileSync(join(fixtures, "typos.yaml"), "utf8");
    expect(() => loadConfig({ text, file: "x.yaml" }, {})).toThrow(/x\.yaml:5:9:[^]*x\.yaml:8:3:/);
    expect(() => loadConfig("/does/not/exist.yaml", {})).toThrow(/can't be read/);
  });

  it("never throws anything but a clear error, whatever the text", () => {
    const sane = minimal();
    const mutation = fc.record({ at: fc.nat(sane.length), cut: fc.nat(8), put: fc.string({ maxLength: 8 }) });
    const mutated = fc
      .array(mutation, { maxLength: 4 })
      .map((edits) =>
        edits.reduce((text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut), sane),
      );
    fc.assert(
      fc.property(fc.oneof(mutated, fc.string()), (text) => {
        const reading = readConfig({ text, file: "x" }, {});
        expect(reading.config === undefined).toBe(reading.errors.length > 0);
        for (const { message, line } of reading.errors) {
          expect(message).not.toBe("");
          expect(line).toBeGreaterThan(0);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("variables", () => {
  const endpointOf = (endpoint: string, env: Record<string, string>) =>
    loadConfig({ text: minimal(`endpoint: "${endpoint}"`), file: "x" }, env).config.http;

  it("puts in environment variables, defaults and escaped dollars", () => {
    expect(endpointOf("${env:HOST}:${env:PORT:-4318}", { HOST: "127.0.0.1" })).toMatchObject({ port: 4318 });
    expect(endpointOf("127.0.0.1:${env:PORT:-4318}", { PORT: "" })).toMatchObject({ port: 4318 });
    const text = minimal("auth: { api_keys: ['pa$$${env:K}$$'] }");
    expect(loadConfig({ text, file: "x" }, { K: "12345678" }).config.http?.apiKeys).toEqual(["pa$12345678$"]);
  });

  it("takes a number or boolean from the environment where one is wanted, and text where text is", () => {
    const text = minimal(
      "max_connections: '${env:N}', allow_unauthenticated: '${env:B}', auth: { api_keys: ['${env:N}'] }",
    );
    const { config } = loadConfig({ text, file: "x" }, { N: "12345678", B: "true" });
    expect(config.http).toMatchObject({
      connectionsMax: 12_345_678,
      allowUnauthenticated: true,
      apiKeys: ["12345678"],
    });
  });
});

it("a key that was read from a file with a line break at its end is taken without it", () => {
  const text = minimal(
    "auth: { api_keys: ['${env:KEY}'] }",
    ", langsmith: { api_key: '${env:KEY}' } }\nprocessors: {",
  );
  const { config } = loadConfig(
    { text: text.replace("exporters: [mirror]", "exporters: [langsmith]"), file: "x" },
    { KEY: "12345678\n" },
  );
  expect(config.http?.apiKeys).toEqual(["12345678"]);
  expect(config.destinations[0]?.exporter).toMatchObject({ apiKey: "12345678" });
});

describe("units", () => {
  it("reads durations and sizes", () => {
    expect(["250ms", "5s", "1m30s", "1.5h", "90d", "0s"].map(durationMs)).toEqual([
      250, 5_000, 90_000, 5_400_000, 7_776_000_000, 0,
    ]);
    expect(["20MiB", "1 KB", "1.5GiB", "7", 9].map(sizeBytes)).toEqual([
      20_971_520, 1_000, 1_610_612_736, 7, 9,
    ]);
  });
});

describe("pipelines", () => {
  it("make one destination an exporter, with its signals and each signal's processors in order", () => {
    const text = `
receivers: { otlp: { protocols: { grpc: } } }
processors:
  filter: { drop: [{ name: a }] }
  redaction: { key_patterns: [secret] }
exporters:
  mirror:
  file/a: { path: out }
  otlp_http: { endpoint: "http://127.0.0.1:1", retry_on_failure: { max_elapsed_time: 5m } }
service:
  pipelines:
    traces: { receivers: [otlp], processors: [filter, redaction], exporters: [mirror, file/a] }
    logs: { receivers: [otlp], processors: [redaction], exporters: [file/a, otlp_http] }
`;
    const { config, warnings } = loadConfig({ text, file: "x" }, {});
    expect(config.signals).toEqual(["traces", "logs"]);
    expect(config.http).toBeUndefined();
    const [file, otlp] = config.destinations;
    expect(file?.signals).toEqual(["traces", "logs"]);
    expect(file?.processors.map(({ id, signals }) => [id, signals])).toEqual([
      ["filter", ["traces"]],
      ["redaction", ["traces"]],
      ["redaction", ["logs"]],
    ]);
    expect(otlp?.delivery.retry).toEqual({
      initialMs: 1_000,
      multiplier: 2,
      maxMs: 60_000,
      maxElapsedMs: 300_000,
    });
    expect(warnings.map(({ message }) => message)).toEqual([
      expect.stringContaining("do not apply to the mirror"),
      expect.stringContaining("the mirror keeps them all the same"),
    ]);
  });

  it("warn about a component that nothing uses", () => {
    const { warnings } = loadConfig({ text: minimal("", ", file: { path: x }"), file: "x" }, {});
    expect(formatProblems("x", warnings)).toMatch(/^x:3:\d+: exporters\.file: no pipeline uses it$/);
  });
});

describe("the default", () => {
  it("item 80: listens on this machine only and delivers everything to the mirror", () => {
    const config = defaultConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" });
    expect(config.http).toMatchObject({ host: "127.0.0.1", port: 4318, bodyBytesMax: 20 * 1024 * 1024 });
    expect(config.grpc).toMatchObject({ host: "127.0.0.1", port: 4317 });
    expect([...(config.http?.paths.keys() ?? [])]).toEqual(
      ["traces", "logs", "metrics"].flatMap((signal) => [
        `/v1/${signal}`,
        `/otel/v1/${signal}`,
        `/api/v1/otel/v1/${signal}`,
      ]),
    );
    expect(config.destinations).toEqual([]);
  });

  it("adds LangSmith for traces when its key is set", () => {
    const env = { LANGSMITH_API_KEY: "lsv2_secret", LANGSMITH_PROJECT: "p", LANGSMITH_WORKSPACE_ID: "w" };
    const [langsmith] = defaultConfig(env).destinations;
    expect(langsmith).toMatchObject({
      name: "langsmith",
      signals: ["traces"],
      exporter: {
        type: "langsmith",
        apiKey: "lsv2_secret",
        project: "p",
        workspaceId: "w",
        mode: "translate",
      },
    });
    expect(defaultConfigText(env)).not.toContain("lsv2_secret");
  });
});

describe("the effective configuration", () => {
  it("item 87: shows every default and no secret, and is itself a valid configuration", () => {
    const text = `
receivers: { otlp: { protocols: { http: { auth: { api_keys: [first-secret-1] } } } } }
exporters:
  langsmith: { api_key: second-secret-2 }
  otlp_http: { endpoint: "https://example.com", headers: { authorization: third-secret-3 } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, langsmith, otlp_http] } } }
`;
    const printed = effectiveConfig(loadConfig({ text, file: "x" }, {}).config);
    expect(printed).not.toMatch(/secret/);
    expect(printed).toContain("max_request_body_size: 20MiB");
    const unmasked = printed.replaceAll("***", "12345678");
    expect(readConfig({ text: unmasked, file: "printed" }, {}).errors).toEqual([]);
  });
});

describe("the JSON Schema", () => {
  it("equals docs/config.schema.json", () => {
    const committed: unknown = JSON.parse(readFileSync(join(root, "docs/config.schema.json"), "utf8"));
    expect(committed).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
  });
});

describe("docs/configuration.md", () => {
  const page = readFileSync(join(root, "docs/configuration.md"), "utf8");

  it("names every key of the schema", () => {
    const keys = new Set<string>();
    const walk = (node: unknown): void => {
      if (Array.isArray(node)) node.forEach(walk);
      if (typeof node !== "object" || node === null || Array.isArray(node)) return;
      for (const [key, value] of Object.entries(node)) {
        if (key === "properties") for (const name of Object.keys(value as object)) keys.add(name);
        walk(value);
      }
    };
    walk(configJsonSchema());
    expect([...keys].filter((key) => !page.includes(`\`${key}\``))).toEqual([]);
  });

  it("shows only valid examples", () => {
    const examples = [...page.matchAll(/```yaml\n([^]*?)```/g)].map((match) => match[1] ?? "");
    expect(examples.length).toBeGreaterThan(1);
    const env = { LANGSMITH_API_KEY: "lsv2_key", COUNTERFOIL_KEY: "a-long-key-1", BACKEND_TOKEN: "t" };
    for (const text of examples) {
      expect(formatProblems("example", readConfig({ text, file: "example" }, env).errors)).toBe("");
      expect(parse(text)).toBeTypeOf("object");
    }
  });
});
