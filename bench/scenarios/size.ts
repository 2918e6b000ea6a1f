import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { dataDirPaths, readCatalog } from "../../store/index.js";
import { loadBodies, type BodySet } from "../load/bodies.js";
import { runLoad } from "../load/run-load.js";
import { compactNow } from "../measure/compact-now.js";
import { SealedCount } from "../measure/sealed-count.js";
import { bodySet, type BenchContext, type Row, type Scenario } from "../scenario.js";
import { startBenchServer } from "../server.js";

const MIB = 1024 * 1024;
const RIVAL_BYTES = 32 * MIB;

interface Sizes {
  readonly spans: number;
  readonly rawBytes: number;
  readonly sealedBytes: number;
  readonly compactedBytes: number;
  readonly compactSeconds: number;
}

async function storedBytes(dataDir: string, rows: number): Promise<number> {
  const files = readCatalog(dataDirPaths(dataDir).mirror).files.filter(({ table }) => table === "spans");
  const stored = files.reduce((sum, file) => sum + file.rows, 0);
  if (stored !== rows) throw new Error(`the mirror has ${stored} rows, ${rows} spans were acknowledged`);
  return files.reduce((sum, file) => sum + file.bytes, 0);
}

async function measureSizes(context: BenchContext, bodies: BodySet): Promise<Sizes> {
  const dataDir = join(context.folder, bodies.kind);
  const server = await startBenchServer({ dataDir, workers: context.workers, compaction: false });
  let spans = 0;
  let rawBytes = 0;
  try {
    const order = {
      port: server.port,
      protocol: "http",
      path: "/v1/traces",
      bodies,
      connections: 8,
    } as const;
    const load = await runLoad({ ...order, seconds: 0, rate: 0, once: true });
    ({ spans, rawBytes } = load);
    const sealed = new SealedCount(server.mirrorDir);
    await sealed.reach(spans);
    sealed.close();
  } finally {
    await server.stop();
  }
  const sealedBytes = await storedBytes(dataDir, spans);
  const started = performance.now();
  await compactNow(dataDir);
  const compactSeconds = (performance.now() - started) / 1000;
  return { spans, rawBytes, sealedBytes, compactedBytes: await storedBytes(dataDir, spans), compactSeconds };
}

/** What general compression makes of the same requests: each alone, and many together with a window of 16 MiB. */
function rivals(bodies: BodySet): { gzip: number; brotli: number } {
  const sample: Buffer[] = [];
  let bytes = 0;
  let spans = 0;
  for (const body of loadBodies(bodies)) {
    if (bytes >= RIVAL_BYTES) break;
    sample.push(body.bytes);
    bytes += body.bytes.length;
    spans += body.spans;
  }
  const gzip = sample.reduce((sum, body) => sum + gzipSync(body).length, 0);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 5, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return { gzip: gzip / spans, brotli: brotliCompressSync(Buffer.concat(sample), { params }).length / spans };
}

function rowsOf(kind: BodySet["kind"], sizes: Sizes, rival: { gzip: number; brotli: number }): Row[] {
  const { spans, rawBytes, sealedBytes, compactedBytes } = sizes;
  const raw = rawBytes / spans;
  const per = (bytes: number): number => bytes / spans;
  const note = `${raw.toFixed(0)} B/span raw; as sealed ${per(sealedBytes).toFixed(1)}, compacted ${per(compactedBytes).toFixed(1)} B/span; ${spans.toLocaleString("en-US")} distinct spans`;
  if (kind === "lean") {
    return [
      {
        id: "size.lean",
        measure: "Parquet of lean spans, compacted",
        value: per(compactedBytes),
        unit: "B/span",
        target: { at: "most", value: 40 },
        floors: [
          { name: "each request gzip'd", value: rival.gzip },
          { name: "requests in one brotli stream, 16 MiB window", value: rival.brotli },
        ],
        note,
      },
    ];
  }
  return [
    {
      id: "size.content",
      measure: "Parquet of content spans with growing histories, compacted",
      value: (100 * compactedBytes) / rawBytes,
      unit: "% of raw",
      target: { at: "most", value: 10 },
      floors: [
        { name: "each request gzip'd", value: (100 * rival.gzip) / raw },
        { name: "requests in one brotli stream, 16 MiB window", value: (100 * rival.brotli) / raw },
      ],
      note,
    },
  ];
}

/** Bytes on disk. Each body is sent once: repeated text would compress too well. */
export const size: Scenario = {
  name: "size",
  about: "Bytes of Parquet for distinct spans, each sent once, as sealed and after compaction.",
  async run(context) {
    const rows: Row[] = [];
    const facts: Record<string, number> = {};
    for (const kind of ["lean", "content"] as const) {
      const bodies = bodySet(context, kind);
      context.log(`size: ${kind}`);
      const sizes = await measureSizes(context, bodies);
      rows.push(...rowsOf(kind, sizes, rivals(bodies)));
      facts[`size_${kind}_sealed_bytes_per_span`] = sizes.sealedBytes / sizes.spans;
      facts[`size_${kind}_compacted_bytes_per_span`] = sizes.compactedBytes / sizes.spans;
      facts[`size_${kind}_compaction_spans_per_s`] = sizes.spans / sizes.compactSeconds;
    }
    return { rows, facts };
  },
};
