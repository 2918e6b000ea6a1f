import { availableParallelism } from "node:os";
import { measureFloor } from "../floors/floors.js";
import { measureParquetFloor } from "../floors/parquet-floor.js";
import { ingestFacts, measureIngest, orderOf, type IngestPlan, type IngestResult } from "../ingest.js";
import {
  bodySet,
  type BenchContext,
  type Floor,
  type Row,
  type Scenario,
  type ScenarioResult,
} from "../scenario.js";

/** One kind of load, sent as fast as it is taken. */
interface Kind {
  readonly name: string;
  readonly about: string;
  readonly what: string;
  readonly plan: (context: BenchContext) => IngestPlan;
  readonly target: number;
  /** Rows count spans, or requests of that many spans. */
  readonly per: "spans" | "requests";
  readonly cpuTarget?: number;
}

const FLOOR_SECONDS = 5;

async function floorsOf(context: BenchContext, plan: IngestPlan, spansPer: number): Promise<Floor[]> {
  const seconds = context.quick ? 1 : FLOOR_SECONDS;
  const order = { ...orderOf(context, plan), seconds };
  if (plan.protocol === "grpc") {
    const grpc = await measureFloor("grpc", order, context.folder);
    return [{ name: "bare node:http2 server that discards", value: grpc.spansPerSecond / spansPer }];
  }
  const discard = await measureFloor("discard", order, context.folder);
  const durable = await measureFloor("durable", order, context.folder);
  return [
    { name: "bare node:http server that discards", value: discard.spansPerSecond / spansPer },
    { name: "bare node:http server with write and fdatasync", value: durable.spansPerSecond / spansPer },
  ];
}

function rowsOf(kind: Kind, result: IngestResult, floors: readonly Floor[]): Row[] {
  const per = kind.per === "spans" ? 1 : result.load.spans / result.load.requests;
  const { load } = result;
  const note =
    `acked ${Math.round(result.ackedPerSecond / per).toLocaleString("en-US")}/s; server ${result.serverCores.toFixed(2)} cores, ` +
    `load generator ${load.cores.toFixed(2)}; ack p50 ${load.ack.p50.toFixed(1)} ms, p99 ${load.ack.p99.toFixed(1)} ms; ` +
    `RSS ${Math.round(result.rss.maxMib)} MiB` +
    (load.refused + load.failed > 0 ? `; ${load.refused} refused, ${load.failed} failed` : "");
  return [
    {
      id: `${kind.name}.sealed`,
      measure: `${kind.what}: acknowledged and sealed`,
      value: result.sealedPerSecond / per,
      unit: `${kind.per}/s`,
      target: { at: "least", value: kind.target },
      floors,
      note,
    },
    {
      id: `${kind.name}.cpu`,
      measure: `${kind.what}: server CPU`,
      value: result.cpuMicrosPerSpan,
      unit: "us/span",
      ...(kind.cpuTarget === undefined ? {} : { target: { at: "most", value: kind.cpuTarget } }),
    },
  ];
}

function ingestScenario(kind: Kind): Scenario {
  return {
    name: kind.name,
    about: kind.about,
    async run(context): Promise<ScenarioResult> {
      const plan = kind.plan(context);
      context.log(`${kind.name}: floors`);
      const floors = await floorsOf(context, plan, kind.per === "spans" ? 1 : plan.bodies.spansPerBody);
      context.log(`${kind.name}: ${plan.seconds ?? context.seconds} s of load`);
      let parquet = 0;
      const result = await measureIngest(context, {
        ...plan,
        async after(server, files) {
          parquet = await measureParquetFloor(server.mirrorDir, files, availableParallelism());
        },
      });
      if (kind.per === "spans")
        floors.push({ name: "DuckDB alone, Parquet to Parquet, all cores", value: parquet });
      return { rows: rowsOf(kind, result, floors), facts: ingestFacts(kind.name, result) };
    },
  };
}

const KINDS: readonly Kind[] = [
  {
    name: "content",
    about: "Spans with messages (3.4 KB), 512 a request, 8 connections, OTLP protobuf over HTTP.",
    what: "content spans",
    plan: (context) => ({ bodies: bodySet(context, "content") }),
    target: 75_000,
    per: "spans",
    cpuTarget: 25,
  },
  {
    name: "lean",
    about: "Spans with a few attributes (220 B), 512 a request, 8 connections, OTLP protobuf over HTTP.",
    what: "lean spans",
    plan: (context) => ({ bodies: bodySet(context, "lean") }),
    target: 450_000,
    per: "spans",
  },
  {
    name: "gzip",
    about: "The content spans, gzip'd (level 6) by the sender.",
    what: "gzip'd content spans",
    plan: (context) => ({ bodies: bodySet(context, "content", { encoding: "gzip" }) }),
    target: 75_000,
    per: "spans",
  },
  {
    name: "grpc",
    about: "The content spans over gRPC (unary, not compressed).",
    what: "content spans over gRPC",
    plan: (context) => ({ bodies: bodySet(context, "content"), protocol: "grpc" }),
    target: 50_000,
    per: "spans",
  },
  {
    name: "small",
    about: "Content spans, 9 a request (one agent turn each), 64 connections.",
    what: "requests of 9 content spans",
    plan: (context) => ({
      bodies: bodySet(context, "content", { count: context.quick ? 200 : 8_000, spansPerBody: 9 }),
      connections: 64,
    }),
    target: 9_000,
    per: "requests",
  },
];

/** The saturated loads. */
export const ingestScenarios: readonly Scenario[] = KINDS.map(ingestScenario);
