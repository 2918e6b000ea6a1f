import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { join } from "node:path";
import { createApi } from "../../api/index.js";
import type { Api, ApiHost, ApiReply } from "../../schema/index.js";
import { dataDirPaths, readCatalog, startOfNewest } from "../../store/index.js";
import { datasetIsThere, openDataset, type Dataset } from "../dataset/dataset.js";
import { langsmithLoad, type LangSmithLoad, post } from "../load/langsmith-load.js";
import { PROJECTS } from "../load/workload.js";
import { percentilesOf } from "../measure/percentiles.js";
import { treeUsage } from "../measure/process-usage.js";
import { SealedCount } from "../measure/sealed-count.js";
import type { BenchContext, Row, Scenario } from "../scenario.js";
import { startBenchServer } from "../server.js";

const LARGE: Dataset = { kind: "meta", spans: 10_000_000, days: 30 };
const SMALL: Dataset = { kind: "meta", spans: 200_000, days: 30 };
const WARMUP_SECONDS = 2;
const FEEDBACK = 300;
const FEEDBACK_AT_ONCE = 64;

interface Ingest {
  readonly load: LangSmithLoad;
  readonly sealedPerSecond: number;
  readonly cpuMicros: number;
  readonly feedbackMs: readonly number[];
  readonly feedbackPerSecond: number;
}

async function measureIngest(context: BenchContext): Promise<Ingest> {
  const server = await startBenchServer({
    dataDir: join(context.folder, "langsmith"),
    workers: context.workers,
  });
  const sealed = new SealedCount(server.mirrorDir);
  try {
    const warm = await langsmithLoad(server.port, context.quick ? 1 : WARMUP_SECONDS);
    await sealed.reach(warm.runs);
    const before = treeUsage(server.pid).cpuSeconds;
    const started = performance.now();
    const load = await langsmithLoad(server.port, context.seconds);
    const seconds = ((await sealed.reach(warm.runs + load.runs)) - started) / 1_000;
    const used = treeUsage(server.pid).cpuSeconds - before;
    return {
      load,
      sealedPerSecond: load.runs / seconds,
      cpuMicros: (used * 1e6) / load.runs,
      ...(await measureFeedback(server.port, context.quick ? 20 : FEEDBACK)),
    };
  } finally {
    sealed.close();
    await server.stop();
  }
}

async function measureFeedback(port: number, count: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: FEEDBACK_AT_ONCE });
  const headers = { "content-type": "application/json" };
  const one = (): Promise<void> => {
    const feedback = {
      key: "correctness",
      score: 1,
      trace_id: "e".repeat(32),
      comment: "as the policy says",
    };
    return post({ port, agent, path: "/feedback", headers, body: Buffer.from(JSON.stringify(feedback)) });
  };
  const feedbackMs: number[] = [];
  for (let index = 0; index < count; index++) {
    const started = performance.now();
    await one();
    feedbackMs.push(performance.now() - started);
  }
  const started = performance.now();
  for (let sent = 0; sent < count * 10; sent += FEEDBACK_AT_ONCE) {
    await Promise.all(Array.from({ length: FEEDBACK_AT_ONCE }, one));
  }
  const seconds = (performance.now() - started) / 1_000;
  agent.destroy();
  return {
    feedbackMs,
    feedbackPerSecond: (Math.ceil((count * 10) / FEEDBACK_AT_ONCE) * FEEDBACK_AT_ONCE) / seconds,
  };
}

/** The same bodies at a server that writes them to a file, synced, and does no more. */
async function durableFloor(context: BenchContext): Promise<number> {
  const child = fork(new URL("../floors/floor-server.child.js", import.meta.url), [
    "durable",
    join(context.folder, "floor"),
  ]);
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const { runs, seconds } = await langsmithLoad(port, Math.min(3, context.seconds));
    return runs / seconds;
  } finally {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }
}

interface Run {
  readonly id: string;
  readonly trace_id: string;
}

/** The API over a finished mirror, without the HTTP server around it. */
class Reads {
  readonly #api: Api;

  constructor(dataDir: string) {
    const { files } = readCatalog(dataDirPaths(dataDir).mirror);
    const host: ApiHost = {
      dataDir,
      bodyBytesMax: 0,
      append: () => Promise.reject(new Error("nothing is written here")),
      sealed: async () => undefined,
      durableSeq: () => 1,
      mirror: {
        sealedSeq: () => 1,
        tables: () => new Set(["spans"]),
        newestSpans: (rows) => startOfNewest(files, rows),
        onSealed: () => () => undefined,
      },
      destinations: async () => [],
      onError: () => undefined,
    };
    this.#api = createApi(host);
  }

  async json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const { pathname, searchParams } = new URL(path, "http://127.0.0.1");
    const handler = this.#api.find(method, pathname);
    const bytes = Buffer.from(body === undefined ? "" : JSON.stringify(body));
    const request = { method, path: pathname, query: searchParams, header: () => undefined, body: bytes };
    const reply: ApiReply | undefined = await handler?.(request);
    const text = typeof reply?.body === "string" ? reply.body : "";
    if (reply?.status !== 200) throw new Error(`${method} ${path}: ${text}`);
    return JSON.parse(text) as T;
  }

  close(): Promise<void> {
    return this.#api.close();
  }
}

async function measureReads(context: BenchContext, dataset: Dataset): Promise<Row[]> {
  const reads = new Reads(await openDataset(dataset, context.log));
  const timed = async (work: () => Promise<unknown>): Promise<number[]> => {
    const times: number[] = [];
    for (let index = 0; index < (context.quick ? 3 : 21); index++) {
      const started = performance.now();
      await work();
      times.push(performance.now() - started);
    }
    return times;
  };
  try {
    const [project] = await reads.json<{ id: string }[]>("GET", `/sessions?name=${PROJECTS[0] ?? ""}`);
    const list = (): Promise<{ runs: Run[] }> =>
      reads.json("POST", "/runs/query", { session: [project?.id], is_root: true, limit: 50 });
    const { runs } = await list();
    let next = 0;
    const readTree = async (): Promise<void> => {
      const run = runs[next++ % runs.length];
      await Promise.all([
        reads.json("GET", `/runs/${run?.id ?? ""}`),
        reads.json("POST", "/runs/query", { session: [project?.id], trace: run?.trace_id, limit: 100 }),
      ]);
    };
    await readTree();
    const among = `among ${dataset.spans.toLocaleString("en-US")} spans`;
    return [
      readRow("list", `the 50 newest root runs of a project, whole, ${among}`, await timed(list)),
      readRow("read", `a run with its children, ${among}`, await timed(readTree)),
    ];
  } finally {
    await reads.close();
  }
}

function readRow(id: string, measure: string, times: readonly number[]): Row {
  const { p50, max } = percentilesOf(times);
  return {
    id: `langsmith.${id}`,
    measure: `${measure}, warm p50`,
    value: p50,
    unit: "ms",
    target: { at: "most", value: 60 },
    note: `slowest of ${times.length}: ${max.toFixed(0)} ms; the API and its reader, without HTTP`,
  };
}

/** The drop-in LangSmith server. */
export const langsmith: Scenario = {
  name: "langsmith",
  about:
    "Multipart requests of 100 runs of 3 kB as LangSmith's SDK sends them, from 8 connections; feedback one by one and 64 at once; lists and single runs over the data set of `queries`, or 200,000 spans where that is not there.",
  async run(context) {
    const ingest = await measureIngest(context);
    const floor = await durableFloor(context);
    const feedback = percentilesOf(ingest.feedbackMs);
    const dataset = context.quick || !datasetIsThere(LARGE) ? SMALL : LARGE;
    return {
      rows: [
        {
          id: "langsmith.ingest",
          measure: "runs acknowledged by multipart ingest",
          value: ingest.load.runs / ingest.load.seconds,
          unit: "runs/s",
          target: { at: "least", value: 15_000 },
          floors: [{ name: "the same requests written to a file and synced", value: floor }],
          note: `${ingest.sealedPerSecond.toFixed(0)} runs/s until all were in the mirror; ${ingest.cpuMicros.toFixed(0)} µs of CPU each`,
        },
        ...(await measureReads(context, dataset)),
        {
          id: "langsmith.feedback",
          measure: "create_feedback, durable, p50",
          value: feedback.p50,
          unit: "ms",
          target: { at: "most", value: 10 },
          note: `p99 ${feedback.p99.toFixed(1)} ms; ${ingest.feedbackPerSecond.toFixed(0)} a second from ${FEEDBACK_AT_ONCE} at once`,
        },
      ],
    };
  },
};
