import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tempFolder } from "./data-dir.js";
import { runCli } from "./run-cli.js";

const folder = tempFolder();
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const VALID = `receivers:
  otlp:
    protocols:
      http:
        endpoint: 127.0.0.1:0
exporters:
  mirror:
  otlp_http/backup:
    endpoint: https://collector.example.test
    headers:
      x-api-key: \${env:BACKUP_KEY}
      authorization: Bearer s3cret-password
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [mirror, otlp_http/backup] }
`;

describe("counterfoil validate", { timeout: 90_000 }, () => {
  it("reports every error at once with file, line and path, and exits with 3", async () => {
    const path = file(
      "bad.yaml",
      VALID.replace("127.0.0.1:0", "nowhere").replace("[mirror, otlp_http/backup]", "[mirror, missing]"),
    );
    const { code, stdout, stderr } = await runCli(["validate", "--config", path], {
      env: { BACKUP_KEY: "k-123456" },
    });
    expect([code, stdout]).toEqual([3, ""]);
    expect(stderr).toMatch(/bad\.yaml:5:\d+: .*endpoint/);
    expect(stderr).toMatch(/bad\.yaml:15:\d+: .*missing/);
    expect(stderr).toContain("2 errors.");
  });

  it("says that a good file is good and where its signals go", async () => {
    const path = file("good.yaml", VALID);
    const env = { BACKUP_KEY: "k-123456" };
    const { code, stdout } = await runCli(["validate", path], { env });
    expect(code).toBe(0);
    expect((await runCli(["validate", path, "--config", path], { env })).code).toBe(2);
    expect(stdout).toBe(`valid: ${path}; traces go to mirror, otlp_http/backup\n`);
  });

  it("prints the configuration in effect with defaults and without any secret", async () => {
    const path = file("print.yaml", VALID);
    const { code, stdout } = await runCli(["validate", "--config", path, "--print"], {
      env: { BACKUP_KEY: "k-123456" },
    });
    expect(code).toBe(0);
    expect(stdout).toContain("max_request_body_size");
    expect(stdout).toContain("***");
    expect(stdout).not.toMatch(/k-123456|s3cret/);
  });

  it("without a file checks what start does by default, LangSmith included when its key is set", async () => {
    const [plain, key] = await Promise.all([
      runCli(["validate"]),
      runCli(["validate", "--print"], { env: { LANGSMITH_API_KEY: "lsv2_secret_key" } }),
    ]);
    expect([plain.code, plain.stdout]).toEqual([
      0,
      "valid: the built-in configuration; traces, logs, metrics go to mirror\n",
    ]);
    expect(key.stdout).toContain("langsmith");
    expect(key.stdout + key.stderr).not.toContain("lsv2_secret_key");
  });

  it("prints a JSON Schema for editors, and says when a file can't be read (3)", async () => {
    const schema = await runCli(["validate", "--schema"]);
    expect(JSON.parse(schema.stdout)).toMatchObject({ type: "object" });
    const missing = await runCli(["validate", "--config", join(folder, "none.yaml")]);
    expect([missing.code, missing.stderr.includes("none.yaml")]).toEqual([3, true]);
  });
});
