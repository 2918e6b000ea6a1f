import { expect, test } from "vitest";
import { JsonConverter } from "../../collector/ingest/convert-json.js";
import { decodeOtlp, JSON_INLINE_BYTES_MAX } from "../../schema/index.js";

function tracesJson(spans: number): Buffer {
  const span = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    name: "x".repeat(1_000),
  };
  return Buffer.from(
    JSON.stringify({
      resourceSpans: [{ scopeSpans: [{ spans: Array.from({ length: spans }, () => span) }] }],
    }),
  );
}

test("a large OTLP/JSON body is converted while the event loop goes on turning", async () => {
  const body = tracesJson(15_000);
  expect(body.length).toBeGreaterThan(JSON_INLINE_BYTES_MAX);
  let turns = 0;
  let converting = true;
  const turn = (): void => {
    turns++;
    if (converting) setImmediate(turn);
  };
  turn();
  const wire = await new JsonConverter().convert("traces", body);
  converting = false;
  expect(decodeOtlp("traces", wire).resourceSpans[0]?.scopeSpans[0]?.spans).toHaveLength(15_000);
  // Converting on the event loop would let it turn once or twice.
  expect(turns).toBeGreaterThan(20);
});

test("errors of a large body come back with their code, and the converter goes on", async () => {
  const converter = new JsonConverter();
  const broken = Buffer.concat([tracesJson(1_000).subarray(0, -1), Buffer.from("!")]);
  await expect(converter.convert("traces", broken)).rejects.toMatchObject({ code: "CF_OTLP_MALFORMED" });
  expect((await converter.convert("traces", tracesJson(500))).length).toBeGreaterThan(500_000);
});
