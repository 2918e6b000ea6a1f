import { connect } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { CounterfoilError, decodeStatus } from "../../schema/index.js";
import { post, rawConnection, startHarness, tracesBody, type Harness } from "./harness.js";

let harness: Harness;
afterEach(() => harness.close());

const head = (...lines: string[]): string =>
  [
    "POST /v1/traces HTTP/1.1",
    "Host: localhost",
    "Content-Type: application/x-protobuf",
    ...lines,
    "",
    "",
  ].join("\r\n");

const statusOf = (text: string): string => /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? text;

describe("size", () => {
  it("item 9: a Content-Length over the cap is 413 before the body is sent, and the connection is closed", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    client.socket.write(head(`Content-Length: ${20 * 1024 * 1024 + 1}`));
    const answer = await client.until("\r\n\r\n");
    expect(statusOf(answer)).toBe("413");
    expect(answer).toMatch(/connection: close/i);
    await client.closed;
    expect(harness.admission.bytes).toBe(0);
  });

  it("item 9: a chunked body over the cap is 413 while it streams; the client can still read why", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    client.socket.write(head("Transfer-Encoding: chunked"));
    const chunk = Buffer.alloc(64 * 1024);
    const before = process.memoryUsage().rss;
    const send = (): void => {
      if (client.socket.destroyed) return;
      client.socket.write(`${chunk.length.toString(16)}\r\n`);
      client.socket.write(chunk);
      client.socket.write("\r\n", () => setImmediate(send));
    };
    send();
    expect(statusOf(await client.closed)).toBe("413");
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
    expect(harness.admission.bytes).toBe(0);
    expect(harness.stored()).toEqual([]);
  });

  it("item 18: headers over 16 KB are 431", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    client.socket.write(head(`X: ${"x".repeat(20_000)}`));
    expect(statusOf(await client.closed)).toBe("431");
  });
});

describe("time", () => {
  it("item 13: slow headers and slow bodies are closed at their time-outs, others are unaffected", async () => {
    harness = await startHarness({ http: { headersTimeoutMs: 150, requestTimeoutMs: 300 } });
    const headers = rawConnection(harness.http.port);
    headers.socket.write("POST /v1/traces HTTP/1.1\r\nHost: x\r\n");
    const body = rawConnection(harness.http.port);
    body.socket.write(head("Content-Length: 1000") + "x");
    expect((await post(harness, tracesBody())).status).toBe(200);
    expect(statusOf(await headers.closed)).toBe("408");
    await body.closed;
    await expect.poll(() => harness.admission.requests).toBe(0);
    expect(harness.stored()).toHaveLength(1);
  });

  it("item 14: connections beyond the cap are turned away, the others go on", async () => {
    let refused = 0;
    harness = await startHarness({ http: { connectionsMax: 10, onConnectionRefused: () => (refused += 1) } });
    const idle = Array.from({ length: 9 }, () => rawConnection(harness.http.port));
    await Promise.all(idle.map(({ socket }) => new Promise((resolve) => socket.once("connect", resolve))));
    const more = Array.from({ length: 20 }, () => rawConnection(harness.http.port));
    await expect.poll(() => refused).toBeGreaterThanOrEqual(19);
    for (const { socket } of more) socket.destroy();
    for (const { socket } of idle) socket.destroy();
    await expect
      .poll(async () => (await post(harness, tracesBody()).catch(() => undefined))?.status)
      .toBe(200);
  });
});

describe("HTTP/1.1", () => {
  it("item 15: a client that goes away inside the body stores nothing, and is counted", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    const body = tracesBody();
    client.socket.write(head(`Content-Length: ${body.length}`));
    client.socket.write(body.subarray(0, 10));
    await expect.poll(() => harness.admission.requests).toBe(1);
    client.socket.destroy();
    await expect.poll(() => harness.admission.requests).toBe(0);
    expect(harness.counted).toEqual({ "refused traces http CF_REQUEST_ABORTED": 0 });
    expect(harness.stored()).toEqual([]);
  });

  it("item 16: a client that goes away after the journal took it leaves it stored once", async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    harness = await startHarness({
      wrap: (journal) => ({
        append: async (entry) => {
          const seq = await journal.append(entry);
          await gate;
          return seq;
        },
      }),
    });
    const client = rawConnection(harness.http.port);
    const body = tracesBody();
    client.socket.write(Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}`)), body]));
    await expect.poll(() => harness.stored()).toHaveLength(1);
    client.socket.destroy();
    open();
    await expect.poll(() => harness.admission.requests).toBe(0);
    expect(harness.stored()).toHaveLength(1);
    expect(harness.errors).toEqual([]);
  });

  it("item 17: pipelined requests are each answered, in order", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    const body = tracesBody();
    const one = Buffer.concat([Buffer.from(head(`Content-Length: ${body.length}`)), body]);
    client.socket.write(
      Buffer.concat([
        one,
        one,
        Buffer.from("GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"),
      ]),
    );
    const answer = await client.closed;
    expect([...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])).toEqual(["200", "200", "404"]);
    expect(harness.stored()).toHaveLength(2);
  });

  it("item 17: Expect: 100-continue gets 100 before the body, or the refusal without one", async () => {
    harness = await startHarness({ keys: ["a-long-enough-key"] });
    const refused = rawConnection(harness.http.port);
    refused.socket.write(head("Content-Length: 5", "Expect: 100-continue"));
    expect(statusOf(await refused.until("\r\n\r\n"))).toBe("401");
    const body = tracesBody();
    const client = rawConnection(harness.http.port);
    client.socket.write(
      head(`Content-Length: ${body.length}`, "Expect: 100-continue", "X-Api-Key: a-long-enough-key"),
    );
    expect(statusOf(await client.until("\r\n\r\n"))).toBe("100");
    client.socket.write(body);
    await client.until("HTTP/1.1 200");
    expect(harness.stored()).toHaveLength(1);
    refused.socket.destroy();
    client.socket.destroy();
  });

  it("item 17: a chunked body with trailers is taken", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    const body = tracesBody();
    client.socket.write(head("Transfer-Encoding: chunked", "Connection: close", "Trailer: X-T"));
    client.socket.write(`${body.length.toString(16)}\r\n`);
    client.socket.write(body);
    client.socket.write("\r\n0\r\nX-T: 1\r\n\r\n");
    expect(statusOf(await client.closed)).toBe("200");
    expect(Buffer.from(harness.stored()[0]?.payload ?? []).equals(body)).toBe(true);
  });

  it.each([
    ["Content-Length with Transfer-Encoding", ["Content-Length: 5", "Transfer-Encoding: chunked"]],
    ["two Content-Lengths", ["Content-Length: 5", "Content-Length: 6"]],
    ["a Content-Length that is no number", ["Content-Length: 5x"]],
    ["no Host", []],
  ])("item 17: %s is 400 and closes the connection", async (name, lines) => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    const text = head(...lines);
    client.socket.write(name === "no Host" ? text.replace("Host: localhost\r\n", "") : `${text}0\r\n\r\n`);
    if (name === "no Host") await client.until("\r\n\r\n").then(() => client.socket.destroy());
    expect(statusOf(await client.closed)).toBe("400");
    expect(harness.stored()).toEqual([]);
  });
});

describe("content type", () => {
  it("item 7: a missing Content-Type is 415", async () => {
    harness = await startHarness();
    const client = rawConnection(harness.http.port);
    client.socket.write(
      "POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    );
    expect(statusOf(await client.closed)).toBe("415");
  });
});

describe("who may send", () => {
  it("item 21: keys are taken from both headers, and a wrong one is 401 without being repeated", async () => {
    harness = await startHarness({ keys: ["key-number-one", "key-number-two"] });
    const wrong: Record<string, string>[] = [
      {},
      { authorization: "Bearer key-number" },
      { authorization: "Basic a2V5" },
      { "x-api-key": "zzz-zzz" },
    ];
    for (const headers of wrong) {
      const response = await post(harness, tracesBody(), headers);
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toBe("Bearer");
      const text = decodeStatus(new Uint8Array(await response.arrayBuffer()), "protobuf").message;
      expect(text).not.toMatch(/key-number|zzz/);
    }
    expect(harness.stored()).toEqual([]);
    for (const headers of [{ authorization: "bearer key-number-one" }, { "x-api-key": "key-number-two" }]) {
      expect((await post(harness, tracesBody(), headers as Record<string, string>)).status).toBe(200);
    }
  });

  it("item 80: without cors a foreign Origin is 403; with it the preflight and the answer allow it", async () => {
    harness = await startHarness();
    expect((await post(harness, tracesBody(), { origin: "https://evil.example" })).status).toBe(403);
    await harness.close();
    harness = await startHarness({
      http: { web: { allowedHosts: [], allowedOrigins: ["https://app.example"] } },
    });
    const preflight = await fetch(`${harness.url}/v1/traces`, {
      method: "OPTIONS",
      headers: { origin: "https://app.example" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("https://app.example");
    const allowed = await post(harness, tracesBody(), { origin: "https://app.example" });
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect((await post(harness, tracesBody(), { origin: "https://evil.example" })).status).toBe(403);
  });
});

describe("pressure", () => {
  it("item 22: over the budget is 429 with Retry-After and a Status, and what was let in is all stored", async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    const body = tracesBody(20);
    harness = await startHarness({
      inflightBytesMax: body.length * 3,
      wrap: (journal) => ({ append: (entry) => gate.then(() => journal.append(entry)) }),
    });
    const answers = Array.from({ length: 10 }, () => post(harness, body));
    await expect.poll(() => harness.counted["refused traces http CF_OVERLOADED"]).toBe(0);
    await expect.poll(() => harness.admission.requests).toBe(3);
    open();
    const responses = await Promise.all(answers);
    const refused = responses.filter(({ status }) => status === 429);
    expect(responses.filter(({ status }) => status === 200)).toHaveLength(10 - refused.length);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get("retry-after")).toBe("2");
    const status = decodeStatus(new Uint8Array((await refused[0]?.arrayBuffer()) ?? []), "protobuf");
    expect(status).toMatchObject({ code: 8, retryDelaySeconds: 2 });
    expect(harness.stored()).toHaveLength(10 - refused.length);
    expect(harness.admission.bytes).toBe(0);
  });

  it("a body that stalls loses its claim, so that slow clients can't lock the others out", async () => {
    harness = await startHarness({ inflightBytesMax: 1024 * 1024, stalledMs: 100 });
    const slow = Array.from({ length: 4 }, () => rawConnection(harness.http.port));
    for (const { socket } of slow) socket.write(head(`Content-Length: ${256 * 1024}`) + "x");
    await expect.poll(() => harness.admission.requests).toBe(4);
    await expect.poll(async () => (await post(harness, tracesBody())).status).toBe(200);
    for (const { socket } of slow) socket.destroy();
    await expect.poll(() => harness.admission.bytes).toBe(0);
  });

  it.each([
    ["CF_JOURNAL_FULL", 503],
    ["CF_JOURNAL_IO", 503],
  ] as const)(
    "%s is %i with Retry-After, tells nothing about the disk, and the same request goes through later",
    async (code, expected) => {
      let broken = true;
      harness = await startHarness({
        wrap: (journal) => ({
          append: (entry) =>
            broken
              ? Promise.reject(new CounterfoilError(code, "ENOSPC at /secret/path"))
              : journal.append(entry),
        }),
      });
      const response = await post(harness, tracesBody());
      expect(response.status).toBe(expected);
      expect(response.headers.get("retry-after")).toBe("2");
      expect(decodeStatus(new Uint8Array(await response.arrayBuffer()), "protobuf").message).not.toMatch(
        /secret/,
      );
      broken = false;
      expect((await post(harness, tracesBody())).status).toBe(200);
      expect(harness.admission.bytes).toBe(0);
    },
  );

  it("item 42: while draining new requests are 503 and those let in are finished", async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    harness = await startHarness({
      wrap: (journal) => ({ append: (entry) => gate.then(() => journal.append(entry)) }),
    });
    const first = post(harness, tracesBody());
    await expect.poll(() => harness.admission.requests).toBe(1);
    harness.ingest.drain();
    const late = await post(harness, tracesBody());
    expect(late.status).toBe(503);
    expect(late.headers.get("retry-after")).toBe("2");
    open();
    expect((await first).status).toBe(200);
  });

  it("item 76: a burst of connections is answered, each with 200 or 429, and the accounts match", async () => {
    const body = tracesBody(5);
    harness = await startHarness({ inflightBytesMax: body.length * 50 });
    const responses = await Promise.all(Array.from({ length: 400 }, () => post(harness, body)));
    const accepted = responses.filter(({ status }) => status === 200).length;
    expect(responses.every(({ status }) => status === 200 || status === 429)).toBe(true);
    expect(harness.stored()).toHaveLength(accepted);
    expect(harness.counted["accepted traces http"]).toBe(accepted * 5);
    expect(harness.admission.bytes).toBe(0);
  });

  it("stops listening on close, lets a request in progress finish, and does not wait for kept-alive connections", async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    harness = await startHarness({
      wrap: (journal) => ({ append: (entry) => gate.then(() => journal.append(entry)) }),
    });
    const answer = post(harness, tracesBody());
    await expect.poll(() => harness.admission.requests).toBe(1);
    const closed = harness.http.close(20_000);
    open();
    expect((await answer).status).toBe(200);
    await closed;
    const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
      connect(harness.http.port, "127.0.0.1").once("error", resolve),
    );
    expect(error.code).toBe("ECONNREFUSED");
  });
});
