import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openJournal } from "../../journal/index.js";
import { dataDirPaths, lockDataDir, readCatalog } from "../../store/index.js";
import { addSpans, tempFolder } from "./data-dir.js";
import { runCli } from "./run-cli.js";

interface Line {
  readonly name: string;
  readonly status: string;
  readonly detail: string;
  readonly advice?: string;
}

const folder = tempFolder();
const KEY = "lsv2_secret_canary";
const seen: { url: string; headers: string }[] = [];
let peer: Server;
let peerUrl = "";

beforeAll(async () => {
  peer = createServer((request, response) => {
    seen.push({ url: request.url ?? "", headers: JSON.stringify(request.headers) });
    response.writeHead(405).end();
  });
  await new Promise<void>((done) => peer.listen(0, "127.0.0.1", done));
  peerUrl = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await new Promise((done) => peer.close(done));
  rmSync(folder, { recursive: true });
});

function config(exporter: string): string {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.yaml`);
  writeFileSync(
    path,
    `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:0" }, grpc: { endpoint: "127.0.0.1:0" } } } }
exporters:
  mirror:
  langsmith: ${exporter}
service: { pipelines: { traces: { receivers: [otlp], exporters: [mirror, langsmith] } } }
`,
  );
  return path;
}

async function doctor(
  dataDir: string,
  configFile: string,
): Promise<{ code: number | null; lines: Line[]; text: string }> {
  const { code, stdout, stderr } = await runCli([
    "doctor",
    "--data-dir",
    dataDir,
    "--config",
    configFile,
    "--json",
  ]);
  return { code, lines: JSON.parse(stdout) as Line[], text: stdout + stderr };
}

const line = (lines: readonly Line[], name: string): Line | undefined =>
  lines.find((item) => item.name === name);

describe("counterfoil doctor", { timeout: 90_000 }, () => {
  it("finds nothing wrong on a sound machine, reaches destinations and sends them no key", async () => {
    const dataDir = join(folder, "sound");
    await addSpans(dataDir, 1, [{ trace_id: "a".repeat(32), span_id: "1".repeat(16), name: "x" }]);
    const { code, lines, text } = await doctor(
      dataDir,
      config(`{ endpoint: "${peerUrl}/secret-path", api_key: ${KEY} }`),
    );
    expect(lines.filter(({ status }) => status === "fail")).toEqual([]);
    expect(code).toBe(0);
    for (const name of [
      "node",
      "duckdb",
      "fsync latency",
      "mirror",
      "port http",
      "port grpc",
      "destination langsmith",
    ]) {
      expect(line(lines, name)?.status, name).toBe("ok");
    }
    expect(line(lines, "fsync latency")?.detail).toMatch(/median [\d.]+ ms/);
    expect(line(lines, "mirror")?.detail).toContain("1 rows in 1 file(s)");
    expect(seen).toHaveLength(1);
    expect(JSON.stringify(seen) + text).not.toMatch(new RegExp(`${KEY}|secret-path`));
  });

  it("warns, with what to do, of a destination that does not answer, and still exits with 0", async () => {
    const { code, lines } = await doctor(
      join(folder, "new"),
      config(`{ endpoint: "http://127.0.0.1:1", api_key: ${KEY} }`),
    );
    expect(code).toBe(0);
    expect(line(lines, "destination langsmith")).toMatchObject({
      status: "warn",
      advice: expect.stringContaining("journal") as string,
    });
    expect(line(lines, "data directory")?.detail).toContain("will be made");
  });

  it("fails with 1 for a cut Parquet file and names it", async () => {
    const dataDir = join(folder, "cut");
    await addSpans(dataDir, 1, [{ trace_id: "a".repeat(32), span_id: "1".repeat(16), name: "x" }]);
    const { mirror } = dataDirPaths(dataDir);
    const path = readCatalog(mirror).files[0]?.path ?? "";
    truncateSync(join(mirror, path), 100);
    const { code, lines } = await doctor(dataDir, config(`{ endpoint: "${peerUrl}", api_key: ${KEY} }`));
    expect(code).toBe(1);
    expect(line(lines, "mirror")).toMatchObject({
      status: "fail",
      detail: expect.stringContaining(path) as string,
    });
  });

  it("fails with 1 for a damaged manifest and for an invalid configuration, and shows both", async () => {
    const dataDir = join(folder, "manifest");
    await addSpans(dataDir, 1, [{ trace_id: "a".repeat(32), span_id: "1".repeat(16), name: "x" }]);
    const manifest = join(dataDirPaths(dataDir).mirror, "manifest.jsonl");
    writeFileSync(manifest, `{"half":\n${readFileSync(manifest, "utf8")}`);
    const { code, lines } = await doctor(dataDir, config("{ endpoint: nowhere }"));
    expect(code).toBe(1);
    expect(line(lines, "mirror")?.status).toBe("fail");
    expect(line(lines, "configuration")?.detail).toContain("exporters.langsmith");
  });

  it("reads the journal to its end, beside the process that holds the lock, and names that process", async () => {
    const dataDir = join(folder, "held");
    mkdirSync(dataDir);
    const lock = await lockDataDir(dataDir);
    const journal = await openJournal({ dir: dataDirPaths(dataDir).journal });
    for (let n = 0; n < 3; n++) {
      await journal.append({
        signal: "traces",
        encoding: "identity",
        payload: new Uint8Array(10),
        itemCount: 2,
        receivedUnixNano: 1n,
      });
    }
    const { code, lines } = await doctor(dataDir, config(`{ endpoint: "${peerUrl}", api_key: ${KEY} }`));
    await journal.close();
    await lock.release();
    expect(code).toBe(0);
    expect(line(lines, "journal")?.detail).toContain("3 records");
    expect(line(lines, "lock")).toMatchObject({
      status: "warn",
      detail: expect.stringContaining(`process ${process.pid}`) as string,
    });
  });

  it("shows dead letters, and prints lines for people with what to do", async () => {
    const dataDir = join(folder, "dead");
    mkdirSync(join(dataDirPaths(dataDir).deadLetters, "langsmith"), { recursive: true });
    writeFileSync(join(dataDirPaths(dataDir).deadLetters, "langsmith", "0000000000000001.jsonl"), "{}\n");
    const { code, stdout } = await runCli([
      "doctor",
      "--data-dir",
      dataDir,
      "--config",
      config(`{ endpoint: "${peerUrl}", api_key: ${KEY} }`),
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^warn {2}dead letters .*1 file/m);
    expect(stdout).toContain("counterfoil replay --dead-letters");
    expect(stdout).toMatch(/\d+ checks, \d+ warning\(s\), 0 failure\(s\)/);
  });
});
