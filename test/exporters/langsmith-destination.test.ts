import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExporterConfig } from "../../exporters/destination-types.js";
import { decodeOtlpJson, encodeOtlp } from "../../schema/index.js";
import { dataDirPaths } from "../../store/data-dir.js";
import { DestinationHarness, expectIdentity } from "../support/destination-harness.js";
import { LangSmithStandIn } from "../support/langsmith-stand-in.js";
import { spanNamed, spansOf, tracesOf } from "../support/memory-journal.js";

let h: DestinationHarness;

beforeEach(async () => {
  h = await DestinationHarness.open();
});

afterEach(() => h.close());

const SECONDS = 10_000;

describe("a LangSmith destination in its worker", () => {
  it("down, then up: everything arrives once, in order, and the cursor is told", async () => {
    const { port } = new URL(h.standIn.url);
    const config = h.langsmith();
    await h.standIn.stop();
    const destination = await h.started(config);
    const cursors: number[] = [];
    destination.onCursor((seq) => cursors.push(seq));
    for (const name of ["a", "b", "c"]) await h.append(name);
    await vi.waitFor(
      () => expect(destination.stats()).toMatchObject({ state: "retrying", waiting: { traces: 3 } }),
      SECONDS,
    );
    expect(destination.stats().lastError).toMatch(/ECONNREFUSED/);
    h.standIn = new LangSmithStandIn();
    await h.standIn.start(Number(port));
    await destination.flush(SECONDS);
    expect(h.runNames()).toEqual(["a", "b", "c"]);
    expect([...h.standIn.ingested.values()]).toEqual([1, 1, 1]);
    expect(cursors.at(-1)).toBe(3);
    expectIdentity(destination.stats());
  });

  const faults: [string, (attempt: number) => ReturnType<NonNullable<LangSmithStandIn["fault"]>>][] = [
    ["503", (n) => (n < 2 ? { status: 503 } : undefined)],
    ["429 with Retry-After", (n) => (n < 1 ? { status: 429, headers: { "retry-after": "0.2" } } : undefined)],
    ["500 while it restarts", (n) => (n < 2 ? { status: 500 } : undefined)],
    ["408", (n) => (n < 1 ? { status: 408 } : undefined)],
    ["a reset connection", (n) => (n < 2 ? (response) => response.destroy() : undefined)],
    ["silence until the timeout", (n) => (n < 1 ? () => undefined : undefined)],
    [
      "an answer that comes a byte at a time until the timeout",
      (n) =>
        n < 1
          ? (response) => {
              response.writeHead(200, { "content-length": "1000" });
              response.write("x");
            }
          : undefined,
    ],
    [
      "a 200 whose body breaks off",
      (n) =>
        n < 1
          ? (response) => {
              response.writeHead(200, { "content-length": "1000" });
              response.write("x", () => response.destroy());
            }
          : undefined,
    ],
  ];
  for (const mode of ["translate", "native"] as const) {
    for (const [name, fault] of faults) {
      it(`${mode}: survives ${name}; each span is a run once`, async () => {
        let attempts = 0;
        h.standIn.fault = () => fault(attempts++);
        const destination = await h.started(h.langsmith({ mode, traceWaitMs: 10 }));
        await h.append("a", "b");
        await destination.flush(SECONDS);
        expect(h.runNames().toSorted()).toEqual(["a", "b"]);
        expect(attempts).toBeGreaterThan(1);
        expect(destination.stats()).toMatchObject({
          state: "running",
          delivered: { traces: 2 },
          deadLetter: {},
        });
        expectIdentity(destination.stats());
      });
    }

    it(`${mode}: 422 for one run sets that run aside, with its reason, and no other; it can be replayed`, async () => {
      let broken = true;
      const poison = spanNamed("poison");
      const poisonId = poison.traceId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
      h.standIn.fault = ({ runIds }) =>
        broken && runIds.includes(poisonId) ? { status: 422, body: '{"detail":"invalid run"}' } : undefined;
      const destination = await h.started(h.langsmith({ mode, traceWaitMs: 10 }));
      const payload = encodeOtlp(
        "traces",
        tracesOf([spanNamed("a"), spanNamed("b"), poison, spanNamed("c")]),
      );
      await h.journal.append({
        signal: "traces",
        encoding: "identity",
        payload,
        itemCount: 4,
        receivedUnixNano: 1n,
      });
      await destination.flush(SECONDS);
      expect(h.runNames().toSorted()).toEqual(["a", "b", "c"]);
      const stats = destination.stats();
      expect(stats).toMatchObject({ delivered: { traces: 3 }, deadLetter: { rejected_422: { traces: 1 } } });
      expectIdentity(stats);
      const dir = join(dataDirPaths(h.dataDir).deadLetters, "ls");
      const [file] = readdirSync(dir);
      const letter = JSON.parse(readFileSync(join(dir, file ?? ""), "utf8"));
      expect(letter).toMatchObject({ seq: 1, items: 1, reason: "rejected_422", processed: true });
      expect(letter.message).toContain("invalid run");
      expect(spansOf(decodeOtlpJson("traces", JSON.stringify(letter.otlp)))).toEqual([poison]);

      expect(await destination.replayDeadLetters()).toEqual({ files: 1, delivered: 0, kept: 1 });
      broken = false;
      expect(await destination.replayDeadLetters()).toEqual({ files: 1, delivered: 1, kept: 0 });
      expect(h.runNames().toSorted()).toEqual(["a", "b", "c", "poison"]);
      expect(readdirSync(dir)).toEqual([]);
      expect(destination.stats().deadLetter).toEqual(stats.deadLetter);
    });
  }

  it("401 pauses and keeps the data, never shows the key, and goes on when it is put right", async () => {
    h.standIn.fault = () => ({ status: 401, body: `{"detail":"Invalid API key ${h.key}"}` });
    const destination = await h.started(h.langsmith());
    await h.append("a");
    await vi.waitFor(() => expect(destination.stats().state).toBe("paused"), SECONDS);
    await h.append("b");
    expect(destination.stats().lastError).toContain("[redacted]");
    expect(JSON.stringify([destination.stats(), h.logs])).not.toContain(h.key);
    expect(h.logs.join("\n")).toMatch(/error delivery is paused and the data kept/);
    h.standIn.fault = undefined;
    destination.retryNow();
    await destination.flush(SECONDS);
    expect(h.runNames()).toEqual(["a", "b"]);
  });

  it("a redirect is never followed: the key does not reach another host", async () => {
    const stolen: unknown[] = [];
    const thief = createServer((request, response) => {
      stolen.push(request.headers);
      response.end();
    });
    await new Promise<void>((resolve) => {
      thief.listen(0, "127.0.0.1", resolve);
    });
    const { port } = thief.address() as AddressInfo;
    h.standIn.fault = ({ path }) => ({
      status: 307,
      headers: { location: `http://127.0.0.1:${port}${path}` },
    });
    try {
      for (const mode of ["translate", "native"] as const) {
        const destination = await h.started(h.langsmith({ mode, traceWaitMs: 10 }), { name: mode });
        await h.append(mode);
        await vi.waitFor(() => expect(destination.stats().state).toBe("paused"), SECONDS);
        expect(destination.stats().lastError).toMatch(/307.*redirects are not followed/);
      }
      expect(stolen).toEqual([]);
    } finally {
      thief.close();
    }
  });

  it("413 splits the batch", async () => {
    h.standIn.fault = ({ runIds }) => (runIds.length > 2 ? { status: 413 } : undefined);
    const destination = await h.started(h.langsmith());
    await h.append("a", "b", "c", "d", "e");
    await destination.flush(SECONDS);
    expect(h.runNames().toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("I2: a killed worker starts again from its stored cursor; nothing is lost, runs do not double", async () => {
    const destination = await h.started(h.langsmith());
    await h.append("a");
    await destination.flush(SECONDS);
    h.standIn.fault = () => ({ status: 503 });
    await h.append("b", "c");
    await vi.waitFor(() => expect(destination.stats().state).toBe("retrying"), SECONDS);
    await h.workers[0]?.terminate();
    h.standIn.fault = undefined;
    await vi.waitFor(() => expect(destination.stats().cursorSeq).toBe(2), SECONDS);
    expect(h.workers).toHaveLength(2);
    expect(h.runNames()).toEqual(["a", "b", "c"]);
    expect(h.standIn.ingested.get([...h.standIn.runs.keys()][0] ?? "")).toBe(1);
    expect(destination.stats()).toMatchObject({ accepted: { traces: 3 }, delivered: { traces: 3 } });
    expect(h.logs.join("\n")).toContain("starting it again");
  });

  it("replays a range beside the live delivery, outside its account; a range that is gone is refused", async () => {
    const destination = await h.started(h.langsmith());
    await h.append("a");
    await h.append("b", "c");
    await h.append("d");
    await destination.flush(SECONDS);
    const before = destination.stats();
    expect(await destination.replay({ fromSeq: 2, toSeq: 3 })).toEqual({
      read: 3,
      delivered: 3,
      filtered: 0,
      deadLetter: 0,
    });
    expect([...h.standIn.ingested.values()]).toEqual([1, 2, 2, 2]);
    expect(destination.stats().delivered).toEqual(before.delivered);
    await expect(destination.replay({ fromSeq: 9, toSeq: 9 })).rejects.toMatchObject({
      code: "CF_NOT_FOUND",
    });
    await expect(destination.replay({ fromSeq: 3, toSeq: 2 })).rejects.toMatchObject({ code: "CF_USAGE" });
  });

  it("logs and metrics have no place in LangSmith: they are filtered by `signal`, visibly", async () => {
    const destination = await h.started(h.langsmith());
    await h.journal.append({
      signal: "logs",
      encoding: "identity",
      payload: new Uint8Array(),
      itemCount: 4,
      receivedUnixNano: 1n,
    });
    await destination.flush(SECONDS);
    expect(destination.stats()).toMatchObject({ filtered: { signal: { logs: 4 } }, cursorSeq: 1 });
    expect(h.standIn.requests).toEqual([]);
  });

  it("refuses to start with settings that can't work, and says which", async () => {
    const cases: [ExporterConfig, RegExp][] = [
      [h.langsmith({ apiKey: " " }), /exporters\.ls\.api_key is empty/],
      [h.langsmith({ endpoint: "ftp://x" }), /endpoint: ftp: is not supported/],
      [h.langsmith({ endpoint: "https://user:pw@x" }), /no user or password/],
      [{ type: "otlp_http" }, /no endpoint/],
      // Sent to a request, these would set every span aside as a dead letter.
      [h.langsmith({ apiKey: "lsv2 clé" }), /api_key has characters/],
      [h.langsmith({ workspaceId: "a\n" }), /workspace_id has a line break/],
      [
        { type: "otlp_http", endpoint: "http://x", headers: { "bad header": "v" } },
        /headers\.bad header is no valid/,
      ],
      [
        { type: "otlp_http", endpoint: "http://x", headers: { "Content-Length": "5" } },
        /is set by the exporter/,
      ],
    ];
    for (const [config, message] of cases) {
      await expect(h.create(config).start(h.journal.tail())).rejects.toThrow(message);
    }
  });

  it("warns when the key would travel unencrypted to another machine, and not for this one", async () => {
    await h
      .create(h.langsmith({ endpoint: "http://langsmith.internal:1984" }), { name: "far" })
      .start(h.journal.tail());
    await vi.waitFor(() =>
      expect(h.logs.join("\n")).toMatch(/a key travels to langsmith.internal:1984 unencrypted/),
    );
    h.logs.length = 0;
    await h.create(h.langsmith(), { name: "near" }).start(h.journal.tail());
    expect(h.logs.join("\n")).not.toContain("unencrypted");
  });

  it("shutdown is safe without start, twice, and leaves the rest in the journal for the next start", async () => {
    const idle = h.create(h.langsmith(), { name: "idle" });
    await idle.shutdown(100);
    await idle.shutdown(100);
    h.standIn.fault = () => ({ status: 503 });
    const first = h.create(h.langsmith());
    await first.start(h.journal.tail());
    await h.append("a");
    await first.shutdown(100);
    expect(first.stats()).toMatchObject({ state: "stopped", waiting: { traces: 1 } });
    h.standIn.fault = undefined;
    const second = h.create(h.langsmith());
    await second.start(h.journal.tail());
    await second.flush(SECONDS);
    expect(h.runNames()).toEqual(["a"]);
  });
});
