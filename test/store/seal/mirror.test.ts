import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { encodeOtlp } from "../../../schema/index.js";
import { dataDirPaths, openCatalog } from "../../../store/index.js";
import { Sealer } from "../../../store/seal/sealer.js";
import { MirrorHarness, RECEIVED, request, span, spanId, traceId } from "../../support/mirror-harness.js";

let open: MirrorHarness[] = [];
afterEach(async () => {
  for (const harness of open) await harness.close();
  open = [];
});

async function harness(options: Parameters<typeof MirrorHarness.open>[0] = {}): Promise<MirrorHarness> {
  const made = await MirrorHarness.open(options);
  open.push(made);
  return made;
}

const one = (n: number, name = "work") => request(span({ traceId: traceId(n), spanId: spanId(n), name }));

describe("the mirror", () => {
  it("shows what was journalled after a flush, in any encoding the requests came in", async () => {
    const h = await harness();
    await h.append({ payload: encodeOtlp("traces", one(1)) });
    await h.append({ payload: gzipSync(encodeOtlp("traces", one(2))), encoding: "gzip" });
    await h.append({ payload: deflateSync(encodeOtlp("traces", one(3))), encoding: "deflate" });
    await h.mirror.flush(20_000);
    const rows = await h.query(
      "SELECT trace_id, seq, seq_index, received_at::VARCHAR FROM spans ORDER BY seq",
    );
    expect(rows).toEqual([1, 2, 3].map((n) => [traceId(n), BigInt(n), 0, "2026-11-23 06:00:00"]));
    const { cursorSeq, delivered, waiting, filler } = h.mirror.stats();
    expect({ cursorSeq, delivered: delivered.traces, waiting: waiting.traces, filler }).toEqual({
      cursorSeq: 3,
      delivered: 3,
      waiting: 0,
      filler: "pointer",
    });
  });

  it("seals on its own once the interval has passed", async () => {
    const h = await harness({ sealIntervalMs: 50 });
    const sealed = new Promise<number>((resolve) => {
      h.mirror.onSealed((event) => resolve(event.lastSeq));
    });
    await h.append({ payload: encodeOtlp("traces", one(1)) });
    expect(await sealed).toBe(1);
  });

  it("seals without waiting once a file is full, and cuts files at whole requests", async () => {
    const h = await harness({ sealIntervalMs: 600_000, sealRows: 3 });
    const ends: number[] = [];
    const done = new Promise<void>((resolve) => {
      h.mirror.onSealed((event) => {
        ends.push(event.lastSeq);
        if (event.lastSeq >= 6) resolve();
      });
    });
    for (let n = 1; n <= 7; n++) await h.append({ payload: encodeOtlp("traces", one(n)) });
    await done;
    expect(ends.every((end, index) => end > (ends[index - 1] ?? 0))).toBe(true);
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT count(*)::INTEGER, count(DISTINCT seq)::INTEGER FROM spans")).toEqual([
      [7, 7],
    ]);
  });

  it("keeps every signal in its own table", async () => {
    const h = await harness();
    await h.appendData("traces", one(1), 1);
    await h.appendData(
      "logs",
      {
        resourceLogs: [
          {
            scopeLogs: [
              {
                logRecords: [
                  {
                    timeUnixNano: RECEIVED,
                    observedTimeUnixNano: 0n,
                    severityNumber: 9,
                    severityText: "INFO",
                    body: { stringValue: "hello" },
                    attributes: [],
                    droppedAttributesCount: 0,
                    flags: 0,
                    traceId: traceId(1),
                    spanId: spanId(1),
                    eventName: "gen_ai.choice",
                  },
                ],
                schemaUrl: "",
              },
            ],
            schemaUrl: "",
          },
        ],
      },
      1,
    );
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT trace_id, event_name, body, body_type FROM span_logs")).toEqual([
      [traceId(1), "gen_ai.choice", "hello", "s"],
    ]);
    expect(await h.query("SELECT count(*)::INTEGER FROM spans")).toEqual([[1]]);
    expect(await h.query("SELECT count(*)::INTEGER FROM metric_points")).toEqual([[0]]);
  });

  it("I2: a request that can't be decoded becomes a dead letter and holds up nothing else", async () => {
    const h = await harness();
    const whole = encodeOtlp(
      "traces",
      request(...[1, 2, 3].map((n) => span({ traceId: traceId(n), spanId: spanId(n) }))),
    );
    await h.append({ payload: encodeOtlp("traces", one(10)) });
    await h.append({ payload: whole.subarray(0, whole.length - 3), itemCount: 3 });
    await h.append({ payload: Buffer.from("not gzip at all"), encoding: "gzip", itemCount: 2 });
    await h.append({ payload: encodeOtlp("traces", one(11)) });
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT seq::INTEGER FROM spans ORDER BY seq")).toEqual([[1], [4]]);
    const stats = h.mirror.stats();
    expect(stats.deadLetter["undecodable"]?.traces).toBe(5);
    expect(stats.accepted.traces).toBe(stats.delivered.traces + stats.waiting.traces + 5);
    const folder = join(dataDirPaths(h.dir).deadLetters, "mirror");
    const letters = readdirSync(folder).map(
      (name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as object,
    );
    expect(letters).toMatchObject([
      { seq: 2, items: 3, reason: "undecodable", encoding: "identity" },
      { seq: 3, items: 2, reason: "undecodable", encoding: "gzip" },
    ]);
  });

  it("I2: counts records that the journal lost as dead letters of that reason, and goes on behind them", async () => {
    const first = await MirrorHarness.open({ start: false });
    for (const name of ["before", "DAMAGED", "after"]) {
      const data = request(span({ traceId: traceId(1), spanId: spanId(name.length), name }));
      await first.append({ payload: encodeOtlp("traces", data), itemCount: 1 });
    }
    await first.close({ keep: true });
    const { journal } = dataDirPaths(first.dir);
    const segment = join(journal, readdirSync(journal).find((name) => name.endsWith(".cfj")) ?? "");
    const bytes = readFileSync(segment);
    bytes[bytes.indexOf("DAMAGED")] = 0;
    writeFileSync(segment, bytes);
    const h = await harness({ dir: first.dir });
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT name FROM spans ORDER BY seq")).toEqual([["before"], ["after"]]);
    const { accepted, delivered, deadLetter } = h.mirror.stats();
    expect(deadLetter["journal_corrupt"]?.traces).toBe(1);
    expect([accepted.traces, delivered.traces]).toEqual([3, 2]);
  });

  it("I2: keeps the dead-letter counters over a restart", async () => {
    const first = await MirrorHarness.open();
    await first.append({ payload: Buffer.from([7]), itemCount: 4 });
    await first.mirror.flush(20_000);
    await first.close({ keep: true });
    const h = await harness({ dir: first.dir });
    await h.append({ payload: Buffer.from([7]), itemCount: 1 });
    await h.mirror.flush(20_000);
    expect(h.mirror.stats().deadLetter["undecodable"]?.traces).toBe(5);
    expect(h.mirror.stats().delivered.traces).toBe(0);
  });

  it("I6: a span that comes twice counts once; an ended one beats an open one, then the later wins", async () => {
    const h = await harness();
    const ids = { traceId: traceId(1), spanId: spanId(1) };
    await h.appendData("traces", request(span({ ...ids, name: "open", endTimeUnixNano: 0n })), 1);
    await h.mirror.flush(20_000);
    await h.appendData("traces", request(span({ ...ids, name: "ended" })), 1);
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT name FROM spans")).toEqual([["ended"]]);
    await h.appendData("traces", request(span({ ...ids, name: "open again", endTimeUnixNano: 0n })), 1);
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT name FROM spans")).toEqual([["ended"]]);
    await h.appendData("traces", request(span({ ...ids, name: "a" }), span({ ...ids, name: "b" })), 2);
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT name FROM spans")).toEqual([["b"]]);
  });

  it("I6: notices a span that comes again after a restart", async () => {
    const first = await MirrorHarness.open();
    await first.append({ payload: encodeOtlp("traces", one(1, "first")) });
    await first.mirror.flush(20_000);
    await first.close({ keep: true });
    const h = await harness({ dir: first.dir });
    await h.append({ payload: encodeOtlp("traces", one(1, "second")) });
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT name FROM spans")).toEqual([["second"]]);
  });

  it("I3: a crash between writing files and the commit leaves no duplicate rows", async () => {
    const first = await MirrorHarness.open({ start: false });
    for (let n = 1; n <= 5; n++) await first.append({ payload: encodeOtlp("traces", one(n)) });
    const paths = dataDirPaths(first.dir);
    // What a process leaves that died before its commit: a whole file that nothing lists, and a torn temporary one.
    const { sealer } = await Sealer.open({
      journalDir: paths.journal,
      mirrorDir: paths.mirror,
      outDir: paths.mirror,
      tempDir: join(paths.temp, "test"),
      deadLetterDir: join(paths.deadLetters, "mirror"),
      pricesDir: paths.prices,
    });
    const counts = { traces: 0, logs: 0, metrics: 0, records: 0 };
    const order = { afterSeq: 0, counts, upToSeq: 3, rowsMax: 100, bytesMax: 1e6 };
    const sealed = await sealer.seal(order, () => undefined);
    sealer.close();
    const leftover = join(paths.mirror, sealed.files[0]?.path ?? "");
    expect(existsSync(leftover)).toBe(true);
    writeFileSync(`${leftover}.tmp`, "torn");
    await first.close({ keep: true });
    const h = await harness({ dir: first.dir });
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT seq::INTEGER FROM spans ORDER BY seq")).toEqual([[1], [2], [3], [4], [5]]);
  });

  it("I3: seals the same piece of the journal into the same file name with the same content", async () => {
    const h = await harness({ start: false });
    for (let n = 1; n <= 3; n++) await h.append({ payload: encodeOtlp("traces", one(n)) });
    const paths = dataDirPaths(h.dir);
    const seal = async (): Promise<unknown> => {
      const { sealer } = await Sealer.open({
        journalDir: paths.journal,
        mirrorDir: paths.mirror,
        outDir: paths.mirror,
        tempDir: join(paths.temp, "test"),
        deadLetterDir: join(paths.deadLetters, "mirror"),
        pricesDir: paths.prices,
      });
      const counts = { traces: 0, logs: 0, metrics: 0, records: 0 };
      const order = { afterSeq: 0, counts, upToSeq: 3, rowsMax: 100, bytesMax: 1e6 };
      const { files } = await sealer.seal(order, () => undefined);
      sealer.close();
      return files;
    };
    expect(await seal()).toEqual(await seal());
  });

  it("goes on with several workers, in journal order", async () => {
    const h = await harness({ workers: 2, sealRows: 10 });
    const ends: number[] = [];
    h.mirror.onSealed((event) => ends.push(event.lastSeq));
    await Promise.all(
      Array.from({ length: 200 }, (_, n) => h.append({ payload: encodeOtlp("traces", one(n + 1)) })),
    );
    await h.mirror.flush(30_000);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    expect(ends.at(-1)).toBe(200);
    expect(await h.query("SELECT count(*)::INTEGER, count(DISTINCT trace_id)::INTEGER FROM spans")).toEqual([
      [200, 200],
    ]);
  });

  it("tries again when it can't write, and loses nothing", async () => {
    const h = await harness({ sealIntervalMs: 20 });
    const folder = join(dataDirPaths(h.dir).mirror, "spans");
    // A file where the table's folder should be: every attempt fails until it is gone.
    writeFileSync(folder, "");
    await h.append({ payload: encodeOtlp("traces", one(1)) });
    await expect
      .poll(() => h.mirror.stats(), { timeout: 60_000 })
      .toMatchObject({ state: "retrying", waiting: { traces: 1 } });
    await expect(h.mirror.flush(1)).rejects.toMatchObject({ code: "CF_SEAL_FAILED", retryable: true });
    expect(h.mirror.stats().lastError).toMatch(/spans/);
    rmSync(folder);
    await h.mirror.flush(20_000);
    expect(await h.query("SELECT count(*)::INTEGER FROM spans")).toEqual([[1]]);
    expect(h.mirror.stats().state).toBe("running");
  });

  it("has its cursor in the catalog: a reopened one begins where the last commit ended", async () => {
    const first = await MirrorHarness.open();
    await first.append({ payload: encodeOtlp("traces", one(1)) });
    await first.mirror.flush(20_000);
    await first.close({ keep: true });
    const catalog = await openCatalog({ mirrorDir: dataDirPaths(first.dir).mirror });
    expect(catalog.snapshot()).toMatchObject({
      sealedSeq: 1,
      sealedCounts: { traces: 1, logs: 0, metrics: 0, records: 0 },
    });
    await catalog.close();
    rmSync(first.dir, { recursive: true });
  });
});
