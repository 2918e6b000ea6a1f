import { setTimeout as sleep } from "node:timers/promises";
import { percentilesOf } from "../measure/percentiles.js";
import { loadBodies } from "./bodies.js";
import type { LoadClient } from "./client.js";
import { GrpcClient } from "./grpc-client.js";
import { HttpClient } from "./http-client.js";
import type { LoadOrder, LoadReport } from "./order.js";
import { grpcRequest, httpRequest, type LoadRequest } from "./requests.js";

const GRPC_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const REFUSED_PAUSE_MS = 100;

/** Sends what one order asks for and notes what it sees. */
export class Generator {
  readonly #order: LoadOrder;
  readonly #requests: readonly LoadRequest[];
  readonly #totals = { requests: 0, spans: 0, rawBytes: 0, refused: 0, failed: 0 };
  readonly #ack: number[] = [];
  readonly #service: number[] = [];
  readonly #lateness: number[] = [];
  readonly #perSecond: number[] = [];
  readonly #acks: [number, number][] = [];
  #tickets = 0;
  #started = 0;

  /** Reads or makes the bodies: that may take a minute the first time. */
  constructor(order: LoadOrder) {
    this.#order = order;
    this.#requests = loadBodies(order.bodies).map((body) =>
      order.protocol === "grpc"
        ? grpcRequest(body, GRPC_PATH)
        : httpRequest(body, order.path, order.headers ?? {}),
    );
  }

  async run(): Promise<LoadReport> {
    const { connections, acks } = this.#order;
    const clients = await Promise.all(Array.from({ length: connections }, () => this.#connect()));
    const cpu = process.cpuUsage();
    this.#started = performance.now();
    await Promise.all(clients.map((client) => this.#drive(client)));
    const seconds = (performance.now() - this.#started) / 1000;
    const used = process.cpuUsage(cpu);
    const cpuMicros = used.user + used.system;
    return {
      ...this.#totals,
      seconds,
      ack: percentilesOf(this.#ack),
      service: percentilesOf(this.#service),
      lateness: percentilesOf(this.#lateness),
      cpuMicrosPerSpan: cpuMicros / Math.max(1, this.#totals.spans),
      cores: cpuMicros / 1e6 / seconds,
      perSecond: this.#perSecond.slice(0, Math.floor(seconds)),
      ...(acks === true ? { acks: this.#acks } : {}),
    };
  }

  #connect(): Promise<LoadClient> {
    return this.#order.protocol === "grpc"
      ? GrpcClient.open(this.#order.port)
      : HttpClient.open(this.#order.port);
  }

  /** One connection: takes the next request that is due, as soon as the one before is answered. */
  async #drive(client: LoadClient): Promise<void> {
    const { seconds, rate, once } = this.#order;
    const until = this.#started + seconds * 1000;
    let connection = client;
    for (;;) {
      const ticket = this.#tickets++;
      const request = this.#requests[ticket % this.#requests.length];
      if (request === undefined || (once === true && ticket >= this.#requests.length)) break;
      const due = rate > 0 ? this.#started + ((ticket * request.spans) / rate) * 1000 : performance.now();
      if (once !== true && due >= until) break;
      const wait = due - performance.now();
      if (wait > 0) {
        await sleep(wait);
        this.#lateness.push(Math.max(0, performance.now() - due));
      }
      connection = await this.#sendOne(connection, request, due);
    }
    connection.close();
  }

  async #sendOne(connection: LoadClient, request: LoadRequest, due: number): Promise<LoadClient> {
    request.body.freshen();
    const sent = performance.now();
    try {
      if (await connection.send(request)) {
        this.#acked(request, due, sent);
      } else {
        this.#totals.refused++;
        await sleep(REFUSED_PAUSE_MS);
      }
      return connection;
    } catch {
      this.#totals.failed++;
      connection.close();
      return await this.#connect();
    }
  }

  #acked(request: LoadRequest, due: number, sent: number): void {
    const now = performance.now();
    this.#ack.push(now - due);
    this.#service.push(now - sent);
    this.#totals.requests++;
    this.#totals.spans += request.spans;
    this.#totals.rawBytes += request.rawBytes;
    const second = Math.floor((now - this.#started) / 1000);
    while (this.#perSecond.length <= second) this.#perSecond.push(0);
    this.#perSecond[second] = (this.#perSecond[second] ?? 0) + request.spans;
    if (this.#order.acks === true) this.#acks.push([performance.timeOrigin + now, this.#totals.spans]);
  }
}
