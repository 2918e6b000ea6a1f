import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Admission } from "../../collector/ingest/admission.js";
import { Ingest, type Arrival } from "../../collector/ingest/ingest.js";
import { KeyCheck } from "../../collector/receivers/otlp/auth.js";
import { startGrpcReceiver, type GrpcReceiverOptions } from "../../collector/receivers/otlp/grpc.js";
import {
  startHttpReceiver,
  type HttpReceiverOptions,
  type Receiver,
} from "../../collector/receivers/otlp/http.js";
import { openJournal, openJournalReader, type Journal, type JournalRecord } from "../../journal/index.js";
import { encodeOtlp, SIGNALS, type Signal, type Span, type TracesData } from "../../schema/index.js";

export interface HarnessOptions {
  readonly http?: Partial<HttpReceiverOptions>;
  readonly grpc?: Partial<GrpcReceiverOptions>;
  readonly keys?: readonly string[];
  readonly inflightBytesMax?: number;
  readonly stalledMs?: number;
  /** Puts something between the receivers and the real journal. */
  readonly wrap?: (journal: Journal) => Pick<Journal, "append">;
}

/** What the receivers counted: `accepted traces http` -> items. */
export type Counted = Record<string, number>;

/** Both receivers over a real journal in a folder of its own. */
export interface Harness {
  readonly http: Receiver;
  readonly grpc: Receiver;
  readonly url: string;
  readonly ingest: Ingest;
  readonly admission: Admission;
  readonly journal: Journal;
  readonly counted: Counted;
  readonly errors: unknown[];
  /** Everything that is durable. */
  stored(): readonly JournalRecord[];
  close(): Promise<void>;
}

export async function startHarness(options: HarnessOptions = {}): Promise<Harness> {
  const root = mkdtempSync(join(tmpdir(), "counterfoil-receivers-"));
  const dir = join(root, "journal");
  const journal = await openJournal({ dir });
  const counted: Counted = {};
  const count =
    (outcome: string) =>
    ({ signal, transport }: Arrival, items: number, code = ""): void => {
      const key = [outcome, signal, transport, code].filter((part) => part !== "").join(" ");
      counted[key] = (counted[key] ?? 0) + items;
    };
  const admission = new Admission({
    ...(options.inflightBytesMax === undefined ? {} : { bytesMax: options.inflightBytesMax }),
    ...(options.stalledMs === undefined ? {} : { stalledMs: options.stalledMs }),
  });
  const ingest = new Ingest({
    journal: options.wrap?.(journal) ?? journal,
    admission,
    observer: {
      accepted: count("accepted"),
      refused: count("refused"),
      failed: count("failed"),
      appendSeconds: () => undefined,
    },
  });
  const errors: unknown[] = [];
  const shared = {
    host: "127.0.0.1",
    port: 0,
    ingest,
    keys: new KeyCheck(options.keys ?? []),
    bodyBytesMax: 1024 * 1024,
    onError: (error: unknown) => errors.push(error),
  };
  const http = await startHttpReceiver({
    ...shared,
    paths: new Map(SIGNALS.map((signal) => [`/v1/${signal}`, signal])),
    web: { allowedHosts: [], allowedOrigins: [] },
    ...options.http,
  });
  const grpc = await startGrpcReceiver({ ...shared, signals: SIGNALS, ...options.grpc });
  return {
    http,
    grpc,
    url: `http://127.0.0.1:${http.port}`,
    ingest,
    admission,
    journal,
    counted,
    errors,
    stored: () => readAll(dir, journal.tail().seq),
    close: async () => {
      await Promise.all([http.close(200), grpc.close(200)]);
      await journal.close();
      rmSync(root, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

function readAll(dir: string, upToSeq: number): JournalRecord[] {
  const reader = openJournalReader({ dir, afterSeq: 0 });
  const records: JournalRecord[] = [];
  for (;;) {
    const batch = reader.read({ maxBytes: 64 * 1024 * 1024, upToSeq });
    if (batch.records.length === 0) break;
    records.push(...batch.records);
  }
  reader.close();
  return records;
}

/** A span with valid ids, made from a number. */
export function makeSpan(id: number, more: Partial<Span> = {}): Span {
  return {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: id.toString(16).padStart(16, "0"),
    traceState: "",
    parentSpanId: "",
    flags: 0,
    name: `span ${id}`,
    kind: 1,
    startTimeUnixNano: 1_700_000_000_000_000_000n,
    endTimeUnixNano: 1_700_000_000_000_000_001n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...more,
  };
}

export function makeTraces(spans: Span[]): TracesData {
  return { resourceSpans: [{ scopeSpans: [{ spans, schemaUrl: "" }], schemaUrl: "" }] };
}

/** A request of `count` spans as protobuf. */
export function tracesBody(count = 1, more: Partial<Span> = {}): Uint8Array {
  return encodeOtlp(
    "traces",
    makeTraces(Array.from({ length: count }, (_, index) => makeSpan(index + 1, more))),
  );
}

/** Sends a body to a signal's path. */
export function post(
  harness: Pick<Harness, "url">,
  body: Uint8Array | string,
  headers: Record<string, string> = {},
  signal: Signal = "traces",
): Promise<Response> {
  return fetch(`${harness.url}/v1/${signal}`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf", ...headers },
    body: typeof body === "string" ? body : Buffer.from(body),
  });
}

/** A raw connection: what is written, and all that came back until the peer closed. */
export interface RawConnection {
  readonly socket: Socket;
  /** Resolves with everything received when the connection is closed. */
  readonly closed: Promise<string>;
  /** Resolves when what was received contains a text. */
  until(text: string): Promise<string>;
}

export function rawConnection(port: number): RawConnection {
  const socket = connect({ host: "127.0.0.1", port });
  let received = "";
  socket.on("data", (chunk) => (received += chunk.toString("latin1")));
  socket.on("error", () => undefined);
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(received)));
  return {
    socket,
    closed,
    until: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (received.includes(text)) resolve(received);
        };
        socket.on("data", look);
        socket.once("close", () => {
          look();
          reject(new Error(`The connection was closed before ${JSON.stringify(text)}: ${received}`));
        });
        look();
      }),
  };
}
