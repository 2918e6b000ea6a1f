import { encodePost, LoadConnection } from "./http-client.js";
import { freshenTraceIds, traceIdOffsets } from "./trace-ids.js";
import { makeBodies, type WorkloadKind } from "./workload.js";

/** What the parent process asks for. */
export interface LoadOrder {
  readonly port: number;
  readonly path: string;
  readonly kind: WorkloadKind;
  /** Distinct bodies: few would flatter compression. */
  readonly bodies: number;
  readonly connections: number;
  readonly seconds: number;
  /** Spans a second to hold, 0 for as fast as it goes. */
  readonly rate: number;
}

/** What the load saw. Latencies in milliseconds. */
export interface LoadReport {
  readonly requests: number;
  readonly spans: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly refused: number;
  readonly failed: number;
  readonly p50: number;
  readonly p99: number;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const bodies = makeBodies(order.kind, order.bodies);
  const requests = bodies.map((body) => {
    const bytes = encodePost(order.path, body.bytes);
    return {
      bytes,
      spans: body.spans,
      offsets: traceIdOffsets(body.bytes, bytes.length - body.bytes.length),
    };
  });
  const latencies: number[] = [];
  const totals = { requests: 0, spans: 0, bytes: 0, refused: 0, failed: 0 };
  let next = 0;
  const started = performance.now();
  const until = started + order.seconds * 1000;

  const client = async (): Promise<void> => {
    let connection = await LoadConnection.open(order.port);
    while (performance.now() < until) {
      const request = requests[next++ % requests.length];
      if (request === undefined) break;
      const due = order.rate > 0 ? started + ((totals.spans + request.spans) / order.rate) * 1000 : 0;
      const wait = due - performance.now();
      if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
      freshenTraceIds(request.bytes, request.offsets);
      const sent = performance.now();
      try {
        const status = await connection.send(request.bytes);
        if (status === 200) {
          latencies.push(performance.now() - sent);
          totals.requests++;
          totals.spans += request.spans;
          totals.bytes += request.bytes.length;
        } else {
          totals.refused++;
        }
      } catch {
        totals.failed++;
        connection.close();
        connection = await LoadConnection.open(order.port);
      }
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: order.connections }, client));
  latencies.sort((a, b) => a - b);
  return {
    ...totals,
    seconds: (performance.now() - started) / 1000,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

process.on("message", (order: LoadOrder) => {
  run(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
process.send?.({ ready: true });
