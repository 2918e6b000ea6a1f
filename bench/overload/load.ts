import { findBodyFields } from "../load/body-fields.js";
import { Workload, type WorkloadKind } from "../load/workload.js";
import { GrpcClient, HttpClient, type OverloadClient } from "./clients.js";

/** What the parent process asks for. */
export interface OverloadOrder {
  readonly transport: "http" | "grpc";
  readonly port: number;
  readonly kind: WorkloadKind;
  readonly spansPerRequest: number;
  readonly clients: number;
  readonly seconds: number;
  /** Whether clients wait as Retry-After tells them; those that do not send again at once. */
  readonly obey: boolean;
}

/** What happened since the report before. Latencies in milliseconds. */
export interface OverloadReport {
  readonly seconds: number;
  readonly spans: number;
  readonly accepted: number;
  readonly refused: number;
  /** Refusals that did not say when to come back. */
  readonly refusedWithoutAdvice: number;
  readonly failed: number;
  readonly acceptedMs: readonly number[];
  readonly refusedMs: readonly number[];
  readonly last: boolean;
}

const DISTINCT_BODIES = 16;
const REPORT_MS = 1_000;
/** A client that could not connect waits so long, or it would do nothing else. */
const FAILED_WAIT_MS = 50;

async function run(order: OverloadOrder): Promise<void> {
  const { kind, spansPerRequest } = order;
  const bodies = new Workload({ kind, spansPerRequest, requests: DISTINCT_BODIES, seed: 7 }).bodies();
  const offsets = bodies.map((body) => findBodyFields(body).ids);
  let since = { ...EMPTY, acceptedMs: [] as number[], refusedMs: [] as number[] };
  let reported = performance.now();
  const until = reported + order.seconds * 1_000;
  const report = (last: boolean): void => {
    const now = performance.now();
    process.send?.({ ...since, seconds: (now - reported) / 1_000, last } satisfies OverloadReport);
    reported = now;
    since = { ...EMPTY, acceptedMs: [], refusedMs: [] };
  };
  let sent = 0;
  const client = async (): Promise<void> => {
    const connection: OverloadClient =
      order.transport === "http" ? new HttpClient(order.port) : new GrpcClient(order.port);
    while (performance.now() < until) {
      const index = sent++ % bodies.length;
      const body = Buffer.from(bodies[index] ?? []);
      renumber(body, offsets[index] ?? new Uint32Array(), sent % 65_536);
      const started = performance.now();
      const { kind: outcome, retryAfterSeconds } = await connection.send(body);
      const took = performance.now() - started;
      since[outcome] += 1;
      if (outcome === "accepted") {
        since.spans += spansPerRequest;
        since.acceptedMs.push(took);
      } else if (outcome === "refused") {
        since.refusedMs.push(took);
        if (retryAfterSeconds === 0) since.refusedWithoutAdvice += 1;
        // With jitter, as exporters have it, or all would come back in the same moment.
        if (order.obey) await wait(retryAfterSeconds * 1_000 * (0.8 + 0.4 * Math.random()), until);
      } else await wait(FAILED_WAIT_MS, until);
    }
    connection.close();
  };
  const timer = setInterval(() => report(false), REPORT_MS);
  await Promise.all(Array.from({ length: order.clients }, client));
  clearInterval(timer);
  report(true);
}

const EMPTY = { spans: 0, accepted: 0, refused: 0, refusedWithoutAdvice: 0, failed: 0 };

function wait(ms: number, until: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(ms, until - performance.now()))));
}

/**
 * Gives the spans of a copied body trace ids that were not sent before: the same spans again would be redelivery. They
 * begin with the process's number, so that no other load has them.
 */
function renumber(body: Buffer, ids: Uint32Array, request: number): void {
  for (const at of ids)
    body.writeUInt32LE((body.readUInt32LE(at) ^ (request * 65_536 + process.pid)) >>> 0, at);
}

process.on("message", (order: OverloadOrder) => {
  run(order).then(
    () => process.disconnect(),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
