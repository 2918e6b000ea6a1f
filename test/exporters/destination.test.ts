import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { addCounts, sumTotals } from "../../exporters/core/counts.js";
import { createDestination } from "../../exporters/destination.js";
import type {
  DestinationOptions,
  ExportDestination,
  ExporterConfig,
} from "../../exporters/destination-types.js";
import type { DestinationStats } from "../../exporters/types.js";
import { openJournal, type Journal } from "../../journal/index.js";
import { decodeOtlpJson, encodeExportResponse, encodeOtlp } from "../../schema/index.js";
import { dataDirPaths } from "../../store/index.js";
import { LangSmithStandIn } from "../support/langsmith-stand-in.js";
import { spanNamed, spansOf, tracesOf } from "../support/memory-journal.js";

const KEY = "lsv2_secret_0123456789";
const SECONDS = 10_000;

let dataDir: string;
let journal: Journal;
let standIn: LangSmithStandIn;
let logs: string[];
const open: ExportDestination[] = [];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "counterfoil-destination-"));
  journal = await openJournal({ dir: dataDirPaths(dataDir).journal });
  standIn = new LangSmithStandIn();
  await standIn.start();
  logs = [];
});

afterEach(async () => {
  for (const destination of open.splice(0)) await destination.shutdown(0);
  await journal.close();
  await standIn.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

function create(
  exporter: ExporterConfig,
  over: Partial<DestinationOptions> = {},
  spawned: Worker[] = [],
): ExportDestination {
  const destination = createDestination(
    {
      name: "ls",
      dataDir,
      exporter,
      signals: ["traces", "logs", "metrics"],
      delivery: { retry: { initialMs: 20, maxMs: 100 }, batch: { flushIntervalMs: 10 } },
      onLog: ({ level, message }) => logs.push(`${level} ${message}`),
      ...over,
    },
    (url, options) => {
      const worker = new Worker(url, options);
      spawned.push(worker);
      return worker;
    },
  );
  open.push(destination);
  journal.onDurable((tail) => destination.notify(tail));
  return destination;
}

function langsmith(over: Partial<ExporterConfig & { type: "langsmith" }> = {}): ExporterConfig {
  return { type: "langsmith", endpoint: standIn.url, apiKey: KEY, timeoutMs: 300, ...over };
}

async function append(...names: string[]): Promise<void> {
  const payload = encodeOtlp("traces", tracesOf(names.map((name) => spanNamed(name))));
  await journal.append({
    signal: "traces",
    encoding: "identity",
    payload,
    itemCount: names.length,
    receivedUnixNano: 1n,
  });
}

function runNames(): string[] {
  return [...standIn.runs.values()].map((run) => run.name);
}

function identity(stats: DestinationStats): void {
  const { delivered, filtered, deadLetter } = stats;
  const settled = sumTotals({
    delivered: { ...delivered },
    filtered: { ...filtered },
    deadLetter: { ...deadLetter },
  });
  expect(stats.accepted).toEqual(addCounts(settled, stats.waiting));
}

describe("a LangSmith destination in its worker", () => {
  it("down, then up: everything arrives once, in order, and the cursor is told", async () => {
    const { port } = new URL(standIn.url);
    const config = langsmith();
    await standIn.stop();
    const destination = create(config);
    const cursors: number[] = [];
    destination.onCursor((seq) => cursors.push(seq));
    await destination.start(journal.tail());
    for (const name of ["a", "b", "c"]) await append(name);
    await vi.waitFor(
      () => expect(destination.stats()).toMatchObject({ state: "retrying", waiting: { traces: 3 } }),
      SECONDS,
    );
    expect(destination.stats().lastError).toMatch(/ECONNREFUSED/);
    standIn = new LangSmithStandIn();
    await standIn.start(Number(port));
    await destination.flush(SECONDS);
    expect(runNames()).toEqual(["a", "b", "c"]);
    expect([...standIn.ingested.values()]).toEqual([1, 1, 1]);
    expect(cursors.at(-1)).toBe(3);
    identity(destination.stats());
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
        standIn.fault = () => fault(attempts++);
        const destination = create(langsmith({ mode, traceWaitMs: 10 }));
        await destination.start(journal.tail());
        await append("a", "b");
        await destination.flush(SECONDS);
        expect(runNames().toSorted()).toEqual(["a", "b"]);
        expect(attempts).toBeGreaterThan(1);
        expect(destination.stats()).toMatchObject({
          state: "running",
          delivered: { traces: 2 },
          deadLetter: {},
        });
        identity(destination.stats());
      });
    }

    it(`${mode}: 422 for one run sets that run aside, with its reason, and no other; it can be replayed`, async () => {
      let broken = true;
      const poison = spanNamed("poison");
      const poisonId = poison.traceId.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
      standIn.fault = ({ runIds }) =>
        broken && runIds.includes(poisonId) ? { status: 422, body: '{"detail":"invalid run"}' } : undefined;
      const destination = create(langsmith({ mode, traceWaitMs: 10 }));
      await destination.start(journal.tail());
      const payload = encodeOtlp(
        "traces",
        tracesOf([spanNamed("a"), spanNamed("b"), poison, spanNamed("c")]),
      );
      await journal.append({
        signal: "traces",
        encoding: "identity",
        payload,
        itemCount: 4,
        receivedUnixNano: 1n,
      });
      await destination.flush(SECONDS);
      expect(runNames().toSorted()).toEqual(["a", "b", "c"]);
      const stats = destination.stats();
      expect(stats).toMatchObject({ delivered: { traces: 3 }, deadLetter: { rejected_422: { traces: 1 } } });
      identity(stats);
      const dir = join(dataDirPaths(dataDir).deadLetters, "ls");
      const [file] = readdirSync(dir);
      const letter = JSON.parse(readFileSync(join(dir, file ?? ""), "utf8"));
      expect(letter).toMatchObject({ seq: 1, items: 1, reason: "rejected_422", processed: true });
      expect(letter.message).toContain("invalid run");
      expect(spansOf(decodeOtlpJson("traces", JSON.stringify(letter.otlp)))).toEqual([poison]);

      expect(await destination.replayDeadLetters()).toEqual({ files: 1, delivered: 0, kept: 1 });
      broken = false;
      expect(await destination.replayDeadLetters()).toEqual({ files: 1, delivered: 1, kept: 0 });
      expect(runNames().toSorted()).toEqual(["a", "b", "c", "poison"]);
      expect(readdirSync(dir)).toEqual([]);
      expect(destination.stats().deadLetter).toEqual(stats.deadLetter);
    });
  }

  it("401 pauses and keeps the data, never shows the key, and goes on when it is put right", async () => {
    standIn.fault = () => ({ status: 401, body: `{"detail":"Invalid API key ${KEY}"}` });
    const destination = create(langsmith());
    await destination.start(journal.tail());
    await append("a");
    await vi.waitFor(() => expect(destination.stats().state).toBe("paused"), SECONDS);
    await append("b");
    expect(destination.stats().lastError).toContain("[redacted]");
    expect(JSON.stringify([destination.stats(), logs])).not.toContain(KEY);
    expect(logs.join("\n")).toMatch(/error delivery is paused and the data kept/);
    standIn.fault = undefined;
    destination.retryNow();
    await destination.flush(SECONDS);
    expect(runNames()).toEqual(["a", "b"]);
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
    standIn.fault = ({ path }) => ({ status: 307, headers: { location: `http://127.0.0.1:${port}${path}` } });
    try {
      for (const mode of ["translate", "native"] as const) {
        const destination = create(langsmith({ mode, traceWaitMs: 10 }), { name: mode });
        await destination.start(journal.tail());
        await append(mode);
        await vi.waitFor(() => expect(destination.stats().state).toBe("paused"), SECONDS);
        expect(destination.stats().lastError).toMatch(/307.*redirects are not followed/);
      }
      expect(stolen).toEqual([]);
    } finally {
      thief.close();
    }
  });

  it("413 splits the batch", async () => {
    standIn.fault = ({ runIds }) => (runIds.length > 2 ? { status: 413 } : undefined);
    const destination = create(langsmith());
    await destination.start(journal.tail());
    await append("a", "b", "c", "d", "e");
    await destination.flush(SECONDS);
    expect(runNames().toSorted()).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("I2: a killed worker starts again from its stored cursor; nothing is lost, runs do not double", async () => {
    const workers: Worker[] = [];
    const destination = create(langsmith(), {}, workers);
    await destination.start(journal.tail());
    await append("a");
    await destination.flush(SECONDS);
    standIn.fault = () => ({ status: 503 });
    await append("b", "c");
    await vi.waitFor(() => expect(destination.stats().state).toBe("retrying"), SECONDS);
    await workers[0]?.terminate();
    standIn.fault = undefined;
    await vi.waitFor(() => expect(destination.stats().cursorSeq).toBe(2), SECONDS);
    expect(workers).toHaveLength(2);
    expect(runNames()).toEqual(["a", "b", "c"]);
    expect(standIn.ingested.get([...standIn.runs.keys()][0] ?? "")).toBe(1);
    expect(destination.stats()).toMatchObject({ accepted: { traces: 3 }, delivered: { traces: 3 } });
    expect(logs.join("\n")).toContain("starting it again");
  });

  it("replays a range beside the live delivery, outside its account; a range that is gone is refused", async () => {
    const destination = create(langsmith());
    await destination.start(journal.tail());
    await append("a");
    await append("b", "c");
    await append("d");
    await destination.flush(SECONDS);
    const before = destination.stats();
    expect(await destination.replay({ fromSeq: 2, toSeq: 3 })).toEqual({
      read: 3,
      delivered: 3,
      filtered: 0,
      deadLetter: 0,
    });
    expect([...standIn.ingested.values()]).toEqual([1, 2, 2, 2]);
    expect(destination.stats().delivered).toEqual(before.delivered);
    await expect(destination.replay({ fromSeq: 9, toSeq: 9 })).rejects.toMatchObject({
      code: "CF_NOT_FOUND",
    });
    await expect(destination.replay({ fromSeq: 3, toSeq: 2 })).rejects.toMatchObject({ code: "CF_USAGE" });
  });

  it("logs and metrics have no place in LangSmith: they are filtered by `signal`, visibly", async () => {
    const destination = create(langsmith());
    await destination.start(journal.tail());
    await journal.append({
      signal: "logs",
      encoding: "identity",
      payload: new Uint8Array(),
      itemCount: 4,
      receivedUnixNano: 1n,
    });
    await destination.flush(SECONDS);
    expect(destination.stats()).toMatchObject({ filtered: { signal: { logs: 4 } }, cursorSeq: 1 });
    expect(standIn.requests).toEqual([]);
  });

  it("refuses to start with settings that can't work, and says which", async () => {
    const cases: [ExporterConfig, RegExp][] = [
      [langsmith({ apiKey: " " }), /exporters\.ls\.api_key is empty/],
      [langsmith({ endpoint: "ftp://x" }), /endpoint: ftp: is not supported/],
      [langsmith({ endpoint: "https://user:pw@x" }), /no user or password/],
      [{ type: "otlp_http" }, /no endpoint/],
    ];
    for (const [config, message] of cases) {
      await expect(create(config).start(journal.tail())).rejects.toThrow(message);
    }
  });

  it("warns when the key would travel unencrypted to another machine, and not for this one", async () => {
    await create(langsmith({ endpoint: "http://langsmith.internal:1984" }), { name: "far" }).start(
      journal.tail(),
    );
    await vi.waitFor(() =>
      expect(logs.join("\n")).toMatch(/a key travels to langsmith.internal:1984 unencrypted/),
    );
    logs.length = 0;
    await create(langsmith(), { name: "near" }).start(journal.tail());
    expect(logs.join("\n")).not.toContain("unencrypted");
  });

  it("shutdown is safe without start, twice, and leaves the rest in the journal for the next start", async () => {
    const idle = create(langsmith(), { name: "idle" });
    await idle.shutdown(100);
    await idle.shutdown(100);
    standIn.fault = () => ({ status: 503 });
    const first = create(langsmith());
    await first.start(journal.tail());
    await append("a");
    await first.shutdown(100);
    expect(first.stats()).toMatchObject({ state: "stopped", waiting: { traces: 1 } });
    standIn.fault = undefined;
    const second = create(langsmith());
    await second.start(journal.tail());
    await second.flush(SECONDS);
    expect(runNames()).toEqual(["a"]);
  });
});

describe("an OTLP destination", () => {
  it("forwards stored bytes unchanged, in their own encoding, and joins small uncompressed ones", async () => {
    const seen: { url?: string; encoding?: string; type?: string; body: Buffer }[] = [];
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const { "content-encoding": encoding, "content-type": type } = request.headers;
        seen.push({
          url: request.url ?? "",
          ...(encoding === undefined ? {} : { encoding }),
          type: type ?? "",
          body: Buffer.concat(chunks),
        });
        response.writeHead(200, { "content-type": "application/x-protobuf" });
        response.end(
          encodeExportResponse(
            "traces",
            { rejected: seen.length === 1 ? 1 : 0, message: "one too many" },
            "protobuf",
          ),
        );
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, "127.0.0.1", resolve);
    });
    const { port } = server.address() as AddressInfo;
    try {
      const plain = ["x", "y"].map((name) => encodeOtlp("traces", tracesOf([spanNamed(name)])));
      const zipped = gzipSync(encodeOtlp("traces", tracesOf([spanNamed("a"), spanNamed("b")])));
      const entry = { signal: "traces", receivedUnixNano: 1n } as const;
      await journal.append({ ...entry, encoding: "gzip", payload: zipped, itemCount: 2 });
      for (const payload of plain)
        await journal.append({ ...entry, encoding: "identity", payload, itemCount: 1 });
      const destination = create({
        type: "otlp_http",
        endpoint: `http://127.0.0.1:${port}/base/`,
        headers: { authorization: "Bearer abcdef" },
        compression: "none",
      });
      await destination.start(journal.tail());
      await destination.flush(SECONDS);
      expect(seen).toHaveLength(2);
      expect(seen[0]).toMatchObject({
        url: "/base/v1/traces",
        encoding: "gzip",
        type: "application/x-protobuf",
      });
      expect(seen[0]?.body.equals(zipped)).toBe(true);
      expect(seen[1]?.body.equals(Buffer.concat(plain))).toBe(true);
      expect(seen[1]?.encoding).toBeUndefined();
      expect(destination.stats()).toMatchObject({
        delivered: { traces: 3 },
        deadLetter: { partial_success: { traces: 1 } },
      });
      identity(destination.stats());
    } finally {
      server.close();
    }
  });
});

describe("a file destination", () => {
  it("writes OTLP JSON Lines by signal, rotates by size, and continues after a restart", async () => {
    const path = join(dataDir, "out");
    const config: ExporterConfig = { type: "file", path, rotateBytes: 2_000 };
    for (let round = 0; round < 2; round += 1) {
      const destination = create(config, { name: "files" });
      await destination.start(journal.tail());
      for (let n = 0; n < 4; n += 1) {
        await append(`r${round}-${n}`);
        await destination.flush(SECONDS);
      }
      await destination.shutdown(SECONDS);
    }
    const files = readdirSync(path).sort();
    expect(files.length).toBeGreaterThan(1);
    const names = files
      .toSorted((left, right) => Number(left === "traces.jsonl") - Number(right === "traces.jsonl"))
      .flatMap((file) => readFileSync(join(path, file), "utf8").trim().split("\n"))
      .flatMap((line) => spansOf(decodeOtlpJson("traces", line)).map((span) => span.name));
    expect(names).toEqual(["r0-0", "r0-1", "r0-2", "r0-3", "r1-0", "r1-1", "r1-2", "r1-3"]);
  });
});
