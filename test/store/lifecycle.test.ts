import { readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { openJournal } from "../../journal/index.js";
import { encodeOtlp, type KeyValue, type Span } from "../../schema/index.js";
import {
  dataDirPaths,
  lockDataDir,
  openCatalog,
  openMirror,
  queryRows,
  startMaintenance,
} from "../../store/index.js";
import { temporaryFolder } from "./mirror-files.js";

const HOUR_MS = 3_600_000;
const TRACE = "a".repeat(32);

function attribute(key: string, value: string | bigint): KeyValue {
  return { key, value: typeof value === "string" ? { stringValue: value } : { intValue: value } };
}

function span(given: Partial<Span>): Span {
  return {
    traceId: TRACE,
    spanId: "1".repeat(16),
    traceState: "",
    parentSpanId: "",
    flags: 0,
    name: "agent",
    kind: 1,
    startTimeUnixNano: BigInt(Date.now() - 5_000) * 1_000_000n,
    endTimeUnixNano: BigInt(Date.now()) * 1_000_000n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...given,
  };
}

function request(spans: Span[]): Uint8Array {
  const scope = { name: "s", version: "", attributes: [], droppedAttributesCount: 0 };
  return encodeOtlp("traces", {
    resourceSpans: [{ scopeSpans: [{ scope, spans, schemaUrl: "" }], schemaUrl: "" }],
  });
}

test("I3 and I6: journal, sealer, views, query and compaction together: a span sent twice is one, before and after", async () => {
  const dataDir = temporaryFolder();
  const paths = dataDirPaths(dataDir);
  const lock = await lockDataDir(dataDir);
  const journal = await openJournal({ dir: paths.journal });
  const catalog = await openCatalog({ mirrorDir: paths.mirror });
  const mirror = await openMirror({ dataDir, catalog });
  await mirror.start(journal.tail());
  const send = async (spans: Span[]): Promise<void> => {
    const payload = request(spans);
    const receivedUnixNano = BigInt(Date.now()) * 1_000_000n;
    await journal.append({
      signal: "traces",
      encoding: "identity",
      payload,
      itemCount: spans.length,
      receivedUnixNano,
    });
    mirror.notify(journal.tail());
    await mirror.flush(10_000);
  };
  const chat = span({
    spanId: "2".repeat(16),
    parentSpanId: "1".repeat(16),
    name: "chat",
    attributes: [
      attribute("gen_ai.operation.name", "chat"),
      attribute("gen_ai.request.model", "m"),
      attribute("gen_ai.usage.input_tokens", 10n),
      attribute("gen_ai.input.messages", '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'),
    ],
  });
  const usage = [
    attribute("gen_ai.operation.name", "invoke_agent"),
    attribute("gen_ai.usage.input_tokens", 10n),
  ];
  await send([span({ endTimeUnixNano: 0n, attributes: usage }), chat]);
  await send([span({ attributes: usage })]);

  const look = async (): Promise<void> => {
    expect(
      await queryRows({
        dataDir,
        sql: "SELECT name, span_count, total_tokens, models, start_time > ago(INTERVAL 1 HOUR) AS fresh FROM traces",
      }),
    ).toEqual([{ name: "agent", span_count: 2, total_tokens: 10, models: ["m"], fresh: true }]);
    expect(
      await queryRows({ dataDir, sql: "SELECT count(*) AS n, count(end_time) AS ended FROM spans" }),
    ).toEqual([{ n: 2, ended: 2 }]);
    expect(await queryRows({ dataDir, sql: "SELECT role, content FROM messages" })).toEqual([
      { role: "user", content: "hi" },
    ]);
  };
  await look();
  const maintenance = startMaintenance({ dataDir, catalog, now: () => Date.now() + HOUR_MS });
  expect(await maintenance.runOnce()).toMatchObject({ compactions: 1, rowsSuperseded: 1, failures: 0 });
  expect(catalog.snapshot().files).toMatchObject([
    { table: "spans", level: 1, rows: 2, firstSeq: 1, lastSeq: 2 },
  ]);
  await look();
  await maintenance.shutdown();
  await mirror.shutdown(5_000);
  await journal.close();
  await catalog.close();
  await lock.release();
  expect(readdirSync(paths.temp)).toEqual([]);
});
