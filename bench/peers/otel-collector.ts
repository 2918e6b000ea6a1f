import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  command,
  freePort,
  startProgram,
  stopProgram,
  waitForHttp,
  type Peer,
  type RunningPeer,
} from "./peer.js";

const VERSION = "0.158.0";
const START_TIMEOUT_MS = 30_000;
const CONTRIB = "github.com/open-telemetry/opentelemetry-collector-contrib";
const CORE = "go.opentelemetry.io/collector";

const MANIFEST = `dist: { name: otelcol-bench, output_path: ./build }
extensions:
  - gomod: ${CONTRIB}/extension/storage/filestorage v${VERSION}
receivers:
  - gomod: ${CORE}/receiver/otlpreceiver v${VERSION}
exporters:
  - gomod: ${CORE}/exporter/otlphttpexporter v${VERSION}
  - gomod: ${CONTRIB}/exporter/fileexporter v${VERSION}
`;

/** Builds a Collector with the parts that are measured, by its own builder. */
async function install(folder: string): Promise<void> {
  if (existsSync(join(folder, "build", "otelcol-bench"))) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "builder.yaml"), MANIFEST);
  await command("go", ["install", `${CORE}/cmd/builder@v${VERSION}`], {
    cwd: folder,
    env: { GOBIN: join(folder, "bin") },
  });
  await command(join(folder, "bin", "builder"), ["--config", "builder.yaml"], { cwd: folder });
}

async function startCollector(
  folder: string,
  dataDir: string,
  exporter: string,
): Promise<Omit<RunningPeer, "stored">> {
  const port = await freePort();
  const config = join(dataDir, "..", "otelcol.yaml");
  writeFileSync(
    config,
    `receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:${port}" } } } }
${exporter}`,
  );
  const child = startProgram(join(folder, "build", "otelcol-bench"), ["--config", config], { cwd: dataDir });
  await waitForHttp(child, `http://127.0.0.1:${port}/v1/traces`, START_TIMEOUT_MS, dataDir);
  return {
    pid: child.pid ?? 0,
    target: { port, protocol: "http", path: "/v1/traces" },
    stop: () => stopProgram(child),
  };
}

const TELEMETRY_OFF = "telemetry: { metrics: { level: none }, logs: { level: error } }";

/** The Collector writing to a file, without a queue: the answer comes after the write. */
export const collectorFile: Peer = {
  name: "OTel Collector, file exporter",
  version: VERSION,
  folder: "otel-collector",
  durable: "written to the file (zstd), not synced",
  keeps: "one zstd'd OTLP protobuf file: nothing to query",
  install,
  start: (folder, dataDir) =>
    startCollector(
      folder,
      dataDir,
      `exporters: { file: { path: "${join(dataDir, "spans.bin")}", format: proto, compression: zstd } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [file] } }, ${TELEMETRY_OFF} }
`,
    ),
};

/** The Collector with a persistent, synced queue before an OTLP exporter: the nearest to Counterfoil's journal. */
export const collectorQueue: Peer = {
  name: "OTel Collector, synced file_storage queue",
  version: VERSION,
  folder: "otel-collector",
  durable: "in the persistent queue (bbolt), synced (fsync: true)",
  keeps: "nothing: passed on to a server that discards it, which runs on the same cores",
  install,
  async start(folder, dataDir) {
    const sink = fork(new URL("../floors/floor-server.child.js", import.meta.url), ["discard"]);
    const [{ port }] = (await once(sink, "message")) as [{ port: number }];
    const storage = join(dataDir, "queue");
    mkdirSync(storage);
    const running = await startCollector(
      folder,
      dataDir,
      `extensions: { file_storage: { directory: "${storage}", fsync: true } }
exporters:
  otlphttp:
    endpoint: "http://127.0.0.1:${port}"
    compression: none
    tls: { insecure: true }
    sending_queue: { enabled: true, storage: file_storage, queue_size: 100000 }
service: { extensions: [file_storage], pipelines: { traces: { receivers: [otlp], exporters: [otlphttp] } }, ${TELEMETRY_OFF} }
`,
    );
    return {
      ...running,
      async stop() {
        await running.stop();
        sink.kill("SIGKILL");
      },
    };
  },
};
