import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ExporterConfig } from "../../exporters/destination-types.js";
import { decodeOtlpJson, encodeExportResponse, encodeOtlp } from "../../schema/index.js";
import { DestinationHarness, expectIdentity } from "../support/destination-harness.js";
import { spanNamed, spansOf, tracesOf } from "../support/memory-journal.js";

let h: DestinationHarness;

beforeEach(async () => {
  h = await DestinationHarness.open();
});

afterEach(() => h.close());

const SECONDS = 10_000;

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
      await h.journal.append({ ...entry, encoding: "gzip", payload: zipped, itemCount: 2 });
      for (const payload of plain)
        await h.journal.append({ ...entry, encoding: "identity", payload, itemCount: 1 });
      const destination = await h.started({
        type: "otlp_http",
        endpoint: `http://127.0.0.1:${port}/base/`,
        headers: { authorization: "Bearer abcdef" },
      });
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
      expectIdentity(destination.stats());
    } finally {
      server.close();
    }
  });
});

describe("a file destination", () => {
  it("writes OTLP JSON Lines by signal, rotates by size, and continues after a restart", async () => {
    const path = join(h.dataDir, "out");
    const config: ExporterConfig = { type: "file", path, rotateBytes: 2_000 };
    for (let round = 0; round < 2; round += 1) {
      const destination = await h.started(config, { name: "files" });
      for (let n = 0; n < 4; n += 1) {
        await h.append(`r${round}-${n}`);
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

  it("goes on in a new file when someone moved the file or removed the folder", async () => {
    const path = join(h.dataDir, "out");
    const file = join(path, "traces.jsonl");
    const destination = await h.started({ type: "file", path }, { name: "files" });
    const namesIn = (at: string): string[] =>
      readFileSync(at, "utf8")
        .trim()
        .split("\n")
        .flatMap((line) => spansOf(decodeOtlpJson("traces", line)).map((span) => span.name));
    await h.append("one");
    await destination.flush(SECONDS);
    renameSync(file, `${file}.1`);
    await h.append("two");
    await destination.flush(SECONDS);
    expect([namesIn(`${file}.1`), namesIn(file)]).toEqual([["one"], ["two"]]);
    rmSync(path, { recursive: true });
    await h.append("three");
    await destination.flush(SECONDS);
    expect(namesIn(file)).toEqual(["three"]);
  });

  it.each([
    ["where no folder can be made", () => "/proc/counterfoil/deep/out"],
    ["below a file", () => join(h.dataDir, "file", "out")],
  ])("%s keeps its data, says why, and still stops", async (_name, path) => {
    writeFileSync(join(h.dataDir, "file"), "");
    const destination = await h.started({ type: "file", path: path() }, { name: "files" });
    await h.append("a");
    await vi.waitFor(() => expect(destination.stats().lastError).toMatch(/ENOENT|ENOTDIR/), SECONDS);
    expect(destination.stats()).toMatchObject({
      state: "retrying",
      waiting: { traces: 1 },
      deadLetter: {},
    });
    await destination.shutdown(SECONDS);
  });
});
