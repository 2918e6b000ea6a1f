import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { cacheFolder } from "../load/bodies.js";
import { percentilesOf } from "../measure/percentiles.js";
import type { BenchContext, Row, Scenario } from "../scenario.js";
import { startBenchServer } from "../server.js";

const EXAMPLES = 1_000_000;
const EXAMPLES_QUICK = 20_000;
/** Examples of one request. */
const BULK = 9_000;
const NAME = "million";
const SEAL_TIMEOUT_MS = 10 * 60_000;
const HEAD = { "content-type": "application/json" };

/** A server's API, over a connection that stays. */
class Client {
  readonly #agent = new Agent({ keepAlive: true });

  constructor(readonly port: number) {}

  json<T>(method: string, path: string, body?: unknown): Promise<T> {
    return new Promise((resolve, reject) => {
      const sent = request({
        port: this.port,
        host: "127.0.0.1",
        agent: this.#agent,
        method,
        path,
        headers: HEAD,
      });
      sent.on("error", reject).on("response", (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part)).on("error", reject);
        response.on("end", () => {
          const text = Buffer.concat(parts).toString("utf8");
          if (response.statusCode === 200) resolve(JSON.parse(text) as T);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 200)}`));
        });
      });
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

interface Made {
  readonly id: string;
}

function exampleOf(datasetId: string, at: number): unknown {
  const question = `May I cancel my booking MRD-${at}? I booked the saver rate for two nights, and my plans have changed.`;
  return {
    dataset_id: datasetId,
    inputs: { question },
    outputs: { label: at % 3 === 0 ? "refundable" : "non-refundable", rate: at % 97 },
    metadata: { dataset_split: at % 10 === 0 ? "test" : "train" },
  };
}

/** A data directory with the dataset, made once by bulk requests and kept. Gives how long the requests took, seconds. */
async function madeDataDir(
  context: BenchContext,
  count: number,
): Promise<{ dataDir: string; seconds: number | undefined }> {
  const folder = context.quick ? join(context.folder, "datasets") : join(cacheFolder(), `dataset-${count}`);
  const dataDir = join(folder, "data");
  if (existsSync(join(folder, "complete"))) return { dataDir, seconds: undefined };
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  context.log(`making a dataset of ${count} examples`);
  const server = await startBenchServer({ dataDir: `${dataDir}.part`, workers: context.workers });
  const client = new Client(server.port);
  let seconds: number;
  try {
    const { id } = await client.json<Made>("POST", "/api/v1/datasets", { name: NAME });
    const started = performance.now();
    for (let from = 0; from < count; from += BULK) {
      const many = Array.from({ length: Math.min(BULK, count - from) }, (_, at) => exampleOf(id, from + at));
      await client.json("POST", "/api/v1/examples/bulk", many);
    }
    seconds = (performance.now() - started) / 1_000;
    await client.json("POST", "/api/v1/flush", { to: "mirror", deadline_ms: SEAL_TIMEOUT_MS });
  } finally {
    client.close();
    await server.stop();
  }
  renameSync(`${dataDir}.part`, dataDir);
  writeFileSync(join(folder, "complete"), "");
  return { dataDir, seconds };
}

async function measure(context: BenchContext, count: number): Promise<Row[]> {
  const { dataDir, seconds } = await madeDataDir(context, count);
  const server = await startBenchServer({ dataDir, workers: context.workers });
  const client = new Client(server.port);
  const timed = async (work: () => Promise<unknown>): Promise<number[]> => {
    await work();
    const times: number[] = [];
    for (let index = 0; index < (context.quick ? 2 : 11); index++) {
      const started = performance.now();
      await work();
      times.push(performance.now() - started);
    }
    return times;
  };
  try {
    const [{ id } = { id: "" }] = await client.json<Made[]>("GET", `/api/v1/datasets?name=${NAME}`);
    const page = (offset: number): Promise<Made[]> =>
      client.json("GET", `/api/v1/examples?dataset=${id}&limit=100&offset=${offset}`);
    const [first] = await page(0);
    const before = new Date().toISOString();
    await client.json("PATCH", `/api/v1/examples/${first?.id ?? ""}`, { outputs: { label: before } });
    const among = `of ${count.toLocaleString("en-US")} examples`;
    return [
      row("list", `the first 100 ${among}`, await timed(() => page(0))),
      row("list-last", `the last 100 ${among}`, await timed(() => page(count - 100))),
      row(
        "diff",
        `what changed since a version ${among}`,
        await timed(() => client.json("GET", `/api/v1/datasets/${NAME}/diff?from=${before}`)),
      ),
      ...(seconds === undefined
        ? []
        : [
            {
              id: "datasets.create",
              measure: `examples created by bulk, ${BULK} a request, each request on disk when it is answered`,
              value: count / seconds,
              unit: "examples/s",
            },
          ]),
    ];
  } finally {
    client.close();
    await server.stop();
  }
}

function row(id: string, measured: string, times: readonly number[]): Row {
  const { p50, max } = percentilesOf(times);
  return {
    id: `datasets.${id}`,
    measure: `${measured}, over HTTP, p50`,
    value: p50,
    unit: "ms",
    target: { at: "most", value: 1_000 },
    note: `slowest of ${times.length}: ${max.toFixed(0)} ms`,
  };
}

/** A dataset of a million examples. */
export const datasets: Scenario = {
  name: "datasets",
  about:
    "A dataset of 1,000,000 examples, made once by bulk requests over HTTP and kept: a page of it, and the difference of two of its versions.",
  async run(context) {
    return { rows: await measure(context, context.quick ? EXAMPLES_QUICK : EXAMPLES) };
  },
};
