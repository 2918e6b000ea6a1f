import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** One answer: a JSON body, or server-sent events. With `hold` the events stop there and the connection stays open. */
export interface Answer {
  readonly status?: number;
  readonly body?: unknown;
  readonly events?: readonly unknown[];
  /** Event names as Anthropic sends them; OpenAI's streams have none and end in [DONE]. */
  readonly named?: boolean;
  readonly hold?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request the server got. */
export interface Seen {
  readonly path: string;
  readonly body: Record<string, unknown>;
  readonly headers: IncomingMessage["headers"];
}

/** A loopback server that gives scripted answers, in order, and remembers what it was asked. */
export interface StandIn {
  readonly url: string;
  readonly seen: readonly Seen[];
  answer(...answers: readonly Answer[]): void;
  stop(): Promise<void>;
}

export async function startStandIn(): Promise<StandIn> {
  const queue: Answer[] = [];
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const body = (text === "" ? {} : JSON.parse(text)) as Record<string, unknown>;
      seen.push({ path: request.url ?? "", body, headers: request.headers });
      send(response, queue.shift() ?? { status: 500, body: { error: { message: "nothing scripted" } } });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    seen,
    answer: (...answers) => void queue.push(...answers),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer.events === undefined) {
    const text = typeof answer.body === "string" ? answer.body : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, { "content-type": "application/json", ...answer.headers });
    response.end(text);
    return;
  }
  response.writeHead(answer.status ?? 200, { "content-type": "text/event-stream", ...answer.headers });
  for (const event of answer.events) {
    const name = answer.named === true ? `event: ${(event as { type: string }).type}\n` : "";
    response.write(`${name}data: ${JSON.stringify(event)}\n\n`);
  }
  if (answer.hold === true) return;
  response.end(answer.named === true ? "" : "data: [DONE]\n\n");
}
