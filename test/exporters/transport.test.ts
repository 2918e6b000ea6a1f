import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { classifyAnswer, LANGSMITH_STATUSES, OTLP_STATUSES } from "../../exporters/core/classify.js";
import { HttpTransport, type HttpAnswer, type HttpFailure } from "../../exporters/core/http.js";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

async function listening(answer: (response: ServerResponse) => void): Promise<number> {
  server = createServer((request, response) => {
    request.resume();
    answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function post(address: string, timeoutMs = 5_000): Promise<HttpAnswer | HttpFailure> {
  const transport = new HttpTransport({ timeoutMs, connections: 1 });
  const never = new AbortController().signal;
  try {
    return await transport.post({ url: new URL(address), headers: {}, body: new Uint8Array([1]) }, never);
  } finally {
    transport.close();
  }
}

/** A failure is retried for as long as it takes, whoever the peer is. */
function expectRetried(answer: HttpAnswer | HttpFailure, why: RegExp): void {
  expect("failure" in answer ? answer.failure : answer).toMatch(why);
  for (const statuses of [OTLP_STATUSES, LANGSMITH_STATUSES]) {
    expect(classifyAnswer(answer, statuses, Date.now())).toMatchObject({ kind: "retry" });
  }
}

it("item 68: a peer whose TLS fails is tried again", async () => {
  const port = await listening((response) => response.end());
  expectRetried(await post(`https://127.0.0.1:${port}/`), /SSL|EPROTO|wrong version/i);
});

it("item 68: a name that does not resolve now is tried again", async () => {
  expectRetried(await post("http://counterfoil.invalid/"), /ENOTFOUND|EAI_AGAIN/);
});

it("item 68: an answer that trickles in byte by byte is cut off at the time-out and tried again", async () => {
  let trickle: NodeJS.Timeout | undefined;
  const port = await listening((response) => {
    response.writeHead(200, { "content-length": "1000000" });
    trickle = setInterval(() => response.write("x"), 10);
  });
  try {
    const started = Date.now();
    const answer = await post(`http://127.0.0.1:${port}/`, 300);
    expect(Date.now() - started).toBeLessThan(3_000);
    for (const statuses of [OTLP_STATUSES, LANGSMITH_STATUSES]) {
      expect(classifyAnswer(answer, statuses, Date.now())).toMatchObject({ kind: "retry" });
    }
  } finally {
    clearInterval(trickle);
  }
});
