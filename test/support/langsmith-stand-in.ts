import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { decodeOtlp, decodeOtlpJson } from "../../schema/index.js";
import { runOfSpan } from "./langsmith-attribute-map.js";

/** A run as the stand-in stores it, whichever way it came. */
export interface StoredRun {
  id: string;
  trace_id: string;
  parent_run_id?: string;
  dotted_order?: string;
  name: string;
  run_type: string;
  session_name: string;
  start_time: string;
  end_time?: string;
  inputs: Record<string, unknown>;
  outputs?: Record<string, unknown>;
  error?: string;
  tags: string[];
  metadata: Record<string, unknown>;
  invocation_params: Record<string, unknown>;
  events?: unknown[];
  attachments: Record<string, { mime_type: string; content: string }>;
  /** Only while it is read: the padded span id of a root. */
  root_span?: string;
}

/** A request as it arrived. */
export interface SeenRequest {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
  readonly runIds: string[];
}

/** What to do instead of ingesting: an answer, silence, a reset, or anything else with the response at hand. */
export type Fault =
  | { status: number; headers?: Record<string, string>; body?: string }
  | ((response: ServerResponse) => void);

/**
 * A LangSmith server for tests: OTLP ingest by LangSmith's documented attribute map, native ingest by its multipart and
 * batch calls. It shares no code with the exporter's reading of spans.
 */
export class LangSmithStandIn {
  readonly runs = new Map<string, StoredRun>();
  readonly requests: SeenRequest[] = [];
  /** How often each run id was ingested. */
  readonly ingested = new Map<string, number>();
  fault: ((request: SeenRequest) => Fault | undefined) | undefined;
  multipart = true;
  /** Requests that no LangSmith would understand. */
  readonly problems: string[] = [];
  readonly #server: Server;
  /** Padded span id of each trace's root, for traces that came over OTLP. */
  readonly #rootSpans = new Map<string, string>();

  constructor() {
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        this.problems.push(String(error));
        response.writeHead(400).end(String(error));
      });
    });
  }

  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => {
      this.#server.listen(port, "127.0.0.1", resolve);
    });
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  /** The runs of a project as nested trees, children in order of start, without what differs by way of arrival. */
  trees(): unknown[] {
    const childrenOf = new Map<string, StoredRun[]>();
    for (const run of this.runs.values()) {
      // Over OTLP a child names its parent's padded span id; that of the root stands for the trace.
      const rootSpan = this.#rootSpans.get(run.trace_id);
      if (rootSpan !== undefined && run.parent_run_id === rootSpan) run.parent_run_id = run.trace_id;
      const parent = run.parent_run_id ?? "";
      childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), run]);
    }
    const byStart = (left: StoredRun, right: StoredRun): number =>
      left.start_time < right.start_time || (left.start_time === right.start_time && left.id < right.id)
        ? -1
        : 1;
    const nest = (run: StoredRun): unknown => {
      const { dotted_order: _order, events: _events, parent_run_id: _parent, ...shown } = run;
      const children = (childrenOf.get(run.id) ?? []).sort(byStart).map(nest);
      return { ...shown, ...(children.length === 0 ? {} : { children }) };
    };
    const known = new Set(this.runs.keys());
    const roots = [...this.runs.values()].filter(
      (run) => run.parent_run_id === undefined || !known.has(run.parent_run_id),
    );
    return roots.sort(byStart).map(nest);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    let body = Buffer.concat(chunks);
    if (request.headers["content-encoding"] === "gzip") body = gunzipSync(body);
    const path = (request.url ?? "").replace(/^\/api\/v1/, "");
    const runs = this.#read(path, request, body);
    const seen = { path, headers: request.headers, body, runIds: (runs ?? []).map((run) => run.id) };
    this.requests.push(seen);
    const fault = this.fault?.(seen);
    if (typeof fault === "function") return fault(response);
    if (fault !== undefined) {
      response.writeHead(fault.status, fault.headers).end(fault.body ?? "");
      return;
    }
    if (path === "/info")
      return answer(response, 200, {
        version: "0.16.14",
        batch_ingest_config: { use_multipart_endpoint: true },
      });
    if (request.headers["x-api-key"] === undefined) return answer(response, 401, { detail: "no key" });
    if (runs === undefined || (path === "/runs/multipart" && !this.multipart))
      return answer(response, 404, { detail: "Not Found" });
    for (const { root_span: rootSpan, ...run } of runs) {
      if (rootSpan !== undefined) this.#rootSpans.set(run.trace_id, rootSpan);
      this.runs.set(run.id, run);
      this.ingested.set(run.id, (this.ingested.get(run.id) ?? 0) + 1);
    }
    if (path.startsWith("/otel")) {
      response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      return;
    }
    answer(response, 202, { message: "Runs batch ingested" });
  }

  #read(path: string, request: IncomingMessage, body: Buffer): StoredRun[] | undefined {
    const type = request.headers["content-type"] ?? "";
    if (path === "/otel/v1/traces") {
      const data = type.includes("json") ? decodeOtlpJson("traces", body) : decodeOtlp("traces", body);
      const project = String(request.headers["langsmith-project"] ?? "default");
      return data.resourceSpans.flatMap(({ resource, scopeSpans }) =>
        scopeSpans.flatMap(({ spans }) => spans.map((span) => runOfSpan(span, resource, project))),
      );
    }
    if (path === "/runs/batch") {
      const { post } = JSON.parse(body.toString()) as { post: Record<string, unknown>[] };
      return post.map((run) => runOfNative(run, {}));
    }
    if (path !== "/runs/multipart") return undefined;
    return runsOfMultipart(body, /boundary=(.*)$/.exec(type)?.[1] ?? "");
  }
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

// Native ingest

function runsOfMultipart(body: Buffer, boundary: string): StoredRun[] {
  const runs = new Map<string, Record<string, unknown>>();
  const attachments = new Map<string, StoredRun["attachments"]>();
  const latin = body.toString("latin1");
  for (const piece of latin.split(`--${boundary}`).slice(1, -1)) {
    const split = piece.indexOf("\r\n\r\n");
    const head = piece.slice(0, split);
    const content = Buffer.from(piece.slice(split + 4, -2), "latin1");
    const name = /name="([^"]*)"/.exec(head)?.[1] ?? "";
    const mime = /Content-Type: ([^;\r]*)/i.exec(head)?.[1] ?? "";
    const length = Number(/length=(\d+)/.exec(head)?.[1]);
    if (length !== content.byteLength)
      throw new Error(`part ${name} has ${content.byteLength} bytes, not ${length}`);
    const [kind, id = "", ...rest] = name.split(".");
    if (kind === "post") {
      const run = runs.get(id) ?? {};
      const value: unknown = JSON.parse(content.toString());
      if (rest[0] === undefined) Object.assign(run, value);
      else run[rest[0]] = value;
      runs.set(id, run);
    } else if (kind === "attachment") {
      const own = attachments.get(id) ?? {};
      own[rest.join(".")] = { mime_type: mime, content: content.toString("base64") };
      attachments.set(id, own);
    } else {
      throw new Error(`unknown part ${name}`);
    }
  }
  return [...runs].map(([id, run]) => runOfNative(run, attachments.get(id) ?? {}));
}

function runOfNative(run: Record<string, unknown>, attachments: StoredRun["attachments"]): StoredRun {
  const order = String(run["dotted_order"]);
  const ids = order.split(".").map((segment) => segment.slice(-36));
  if (ids[0] !== run["trace_id"]) throw new Error("trace_id does not match first part of dotted_order");
  if (ids.at(-1) !== run["id"]) throw new Error("id does not match last part of dotted_order");
  if (ids.length > 1 && ids.at(-2) !== run["parent_run_id"])
    throw new Error("parent_run_id does not match dotted_order");
  const extra = (run["extra"] ?? {}) as {
    metadata?: Record<string, unknown>;
    invocation_params?: Record<string, unknown>;
  };
  const { id, trace_id, parent_run_id, name, run_type, session_name, start_time, end_time } = run as Record<
    string,
    string
  >;
  return {
    id: String(id),
    trace_id: String(trace_id),
    ...(parent_run_id === undefined ? {} : { parent_run_id }),
    dotted_order: order,
    name: String(name),
    run_type: String(run_type),
    session_name: String(session_name),
    start_time: String(start_time),
    ...(end_time === undefined ? {} : { end_time }),
    inputs: (run["inputs"] ?? {}) as Record<string, unknown>,
    ...(run["outputs"] === undefined ? {} : { outputs: run["outputs"] as Record<string, unknown> }),
    ...(run["error"] === undefined ? {} : { error: run["error"] as string }),
    tags: (run["tags"] ?? []) as string[],
    metadata: extra.metadata ?? {},
    invocation_params: extra.invocation_params ?? {},
    ...(run["events"] === undefined ? {} : { events: run["events"] as unknown[] }),
    attachments,
  };
}
