import { mkdirSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  type AnyValue,
  type KeyValue,
  type LogsData,
  priceOf,
  SHIPPED_PRICES,
  type Span,
} from "../../../schema/index.js";
import { dataDirPaths, type FileEntry, repairMirror, rewriteSpans } from "../../../store/index.js";
import { runCompactionJob } from "../../../store/compaction/compact.js";
import { planCompaction } from "../../../store/compaction/plan.js";
import { MirrorHarness, RECEIVED, request, span, spanId, traceId } from "../../support/mirror-harness.js";
import { LONG_TESTS } from "../../support/long-tests.js";

const WEEK_MS = 7 * 86_400_000;

let harness: MirrorHarness;
beforeEach(async () => {
  harness = await MirrorHarness.open();
  mkdirSync(dataDirPaths(harness.dir).temp, { recursive: true });
});
afterEach(() => harness.close());

const attributes = (values: Readonly<Record<string, string | number>>): KeyValue[] =>
  Object.entries(values).map(([key, value]): KeyValue => ({
    key,
    value: typeof value === "string" ? { stringValue: value } : { intValue: BigInt(value) },
  }));

const map = (values: Readonly<Record<string, AnyValue>>): AnyValue => ({
  kvlistValue: { values: Object.entries(values).map(([key, value]) => ({ key, value })) },
});

const CHAT = {
  "gen_ai.operation.name": "chat",
  "gen_ai.request.model": "gpt-4o-mini",
  "gen_ai.provider.name": "openai",
};

function chatSpan(n: number, given: Partial<Span> = {}): Span {
  return span({ traceId: traceId(n), spanId: spanId(n), attributes: attributes(CHAT), ...given });
}

interface Told {
  readonly n: number;
  readonly name: string;
  readonly body?: AnyValue;
  readonly attributes?: KeyValue[];
  /** Milliseconds after the span began. */
  readonly at?: number;
}

function record({ n, name, body, attributes: given = [], at = 1 }: Told): LogsData {
  const logRecord = {
    timeUnixNano: RECEIVED + BigInt(at) * 1_000_000n,
    observedTimeUnixNano: RECEIVED,
    severityNumber: 9,
    severityText: "",
    ...(body === undefined ? {} : { body }),
    attributes: given,
    droppedAttributesCount: 0,
    flags: 0,
    traceId: traceId(n),
    spanId: spanId(n),
    eventName: name,
  };
  const scope = {
    name: "opentelemetry.instrumentation.openai_v2",
    version: "",
    attributes: [],
    droppedAttributesCount: 0,
  };
  return {
    resourceLogs: [{ scopeLogs: [{ scope, logRecords: [logRecord], schemaUrl: "" }], schemaUrl: "" }],
  };
}

async function send(...data: readonly (Span | LogsData)[]): Promise<void> {
  for (const one of data) {
    if ("resourceLogs" in one) await harness.appendData("logs", one, 1);
    else await harness.appendData("traces", request(one), 1);
  }
  await harness.mirror.flush(60_000);
}

async function compact(): Promise<void> {
  const { catalog, dir } = harness;
  for (;;) {
    const job = planCompaction(catalog.snapshot().files, { nowMs: Date.now() + WEEK_MS, writtenMs: () => 0 });
    if (job === undefined) return;
    expect(await runCompactionJob({ dataDir: dir, catalog, job })).toMatchObject({ damaged: [] });
  }
}

const filesOf = (table: string): FileEntry[] =>
  harness.catalog.snapshot().files.filter((file) => file.table === table);

async function rows(columns: string): Promise<unknown[][]> {
  return await harness.query(`SELECT ${columns} FROM spans ORDER BY span_id`);
}

async function renormalise(): Promise<unknown> {
  const paths = filesOf("spans").map(({ path }) => path);
  return await rewriteSpans({
    dataDir: harness.dir,
    catalog: harness.catalog,
    rewrite: { kind: "renormalise" },
    paths,
  });
}

const USER = (n: number): LogsData =>
  record({ n, name: "gen_ai.user.message", body: map({ content: { stringValue: `question ${n}` } }) });
const choice = (n: number, index: number, reason: string): LogsData =>
  record({
    n,
    name: "gen_ai.choice",
    at: 10 - index,
    body: map({
      index: { intValue: BigInt(index) },
      finish_reason: { stringValue: reason },
      message: map({ content: { stringValue: `answer ${index}` } }),
    }),
  });
const DETAILS = "gen_ai.client.inference.operation.details";

describe("what log records say", () => {
  it.skipIf(!LONG_TESTS)(
    "is priced when only they have the usage: at once, at compaction and by renormalising; the emitter's cost wins",
    async () => {
      const usage = { "gen_ai.usage.input_tokens": 1_000_000, "gen_ai.usage.output_tokens": 100 };
      const details = (n: number, more: Readonly<Record<string, string | number>>): LogsData =>
        record({ n, name: DETAILS, attributes: attributes({ ...CHAT, ...usage, ...more }) });
      const emitted = details(3, {});
      emitted.resourceLogs[0]?.scopeLogs[0]?.logRecords[0]?.attributes.push({
        key: "gen_ai.usage.cost",
        value: { doubleValue: 7 },
      });
      await send(chatSpan(1), chatSpan(2), chatSpan(3), chatSpan(4));
      await send(details(1, {}), details(2, { "gen_ai.request.model": "nobody-knows" }), emitted);
      const priced = priceOf(
        { inputTokens: 1_000_000, outputTokens: 100 },
        "gpt-4o-mini",
        "openai",
        RECEIVED,
      );
      expect(priced?.usd).toBeGreaterThan(0);
      const wanted = [
        [1_000_000n, priced?.usd, "price", SHIPPED_PRICES.version, "own"],
        [1_000_000n, null, null, null, "own"],
        [1_000_000n, 7, "emitter", null, "own"],
        [null, null, null, null, null],
      ];
      const columns = "input_tokens, cost_usd, cost_source, price_version, usage_scope";
      expect(await rows(columns)).toEqual(wanted);
      await compact();
      expect(await rows(columns)).toEqual(wanted);
      expect(await renormalise()).toMatchObject({ changes: {} });
      expect(await rows(columns)).toEqual(wanted);
      // A later record of the same call takes the place of the earlier one, and so does its price.
      await send(details(1, { "gen_ai.usage.output_tokens": 0, "gen_ai.usage.input_tokens": 500_000 }));
      const half = priceOf({ inputTokens: 500_000, outputTokens: 0 }, "gpt-4o-mini", "openai", RECEIVED);
      const first = (): Promise<unknown[][]> => rows("input_tokens, cost_usd").then((all) => all.slice(0, 1));
      expect(await first()).toEqual([[500_000n, half?.usd]]);
      await compact();
      expect(await first()).toEqual([[500_000n, half?.usd]]);
    },
    240_000,
  );

  it("has the finish reasons of all choices, in the order of the choices, whenever each comes", async () => {
    await send(chatSpan(1), choice(1, 2, "content_filter"), choice(1, 0, "stop"));
    expect(await rows("finish_reasons")).toEqual([['["stop","content_filter"]']]);
    await send(choice(1, 1, "length"));
    expect(await rows("finish_reasons")).toEqual([['["stop","length","content_filter"]']]);
    await compact();
    expect(await rows("finish_reasons")).toEqual([['["stop","length","content_filter"]']]);
    // Told again, they add nothing; one that was not there does.
    await send(choice(1, 1, "length"), choice(1, 3, "tool_calls"));
    expect(await rows("finish_reasons")).toEqual([['["stop","length","content_filter","tool_call"]']]);
    await compact();
    expect(await rows("finish_reasons")).toEqual([['["stop","length","content_filter","tool_call"]']]);
  }, 240_000);

  it.skipIf(!LONG_TESTS)(
    "stays when the span is sent again, before and after compaction, and when the records come again as well",
    async () => {
      const columns = "name, input_messages, output_messages, finish_reasons, provenance";
      await send(chatSpan(1, { endTimeUnixNano: 0n, name: "begun" }), USER(1), choice(1, 0, "stop"));
      const content = (await rows(columns)).map((row) => row.slice(1));
      expect(content[0]?.[0]).toContain("question 1");
      const expectNamed = async (name: string): Promise<void> =>
        expect(await rows(columns)).toEqual(content.map((row) => [name, ...row]));
      await send(chatSpan(1, { endTimeUnixNano: 0n, name: "begun again" }));
      await expectNamed("begun again");
      await compact();
      await expectNamed("begun again");
      await send(chatSpan(1, { name: "ended" }));
      await expectNamed("ended");
      await send(chatSpan(1, { name: "ended again" }), USER(1));
      await expectNamed("ended again");
      await compact();
      await expectNamed("ended again");
      expect(filesOf("superseded")).toEqual([]);
    },
    240_000,
  );

  it("item 61: is there again when a damaged file of spans, or of what waits, is made anew from the journal", async () => {
    const columns = "input_messages, output_messages, finish_reasons, provenance";
    await send(chatSpan(1), USER(1), chatSpan(2), choice(2, 0, "stop"));
    await compact();
    await send(chatSpan(3), USER(3), choice(1, 0, "length"));
    const before = await rows(columns);
    expect(before.flat().filter((value) => value !== null).length).toBeGreaterThan(6);
    for (const table of ["spans", "log_content"]) {
      const victims = filesOf(table).map(({ path }) => path);
      expect(victims.length).toBeGreaterThan(0);
      for (const path of victims) truncateSync(join(dataDirPaths(harness.dir).mirror, path), 10);
      const report = await repairMirror({
        dataDir: harness.dir,
        catalog: harness.catalog,
        suspects: victims,
      });
      expect(report).toMatchObject({ lost: [], failed: [] });
      expect(report.quarantined).toHaveLength(victims.length);
      expect(await rows(columns)).toEqual(before);
    }
    await compact();
    expect(await rows(columns)).toEqual(before);
  }, 240_000);
});
