import { expect, it } from "vitest";
import { decodeOtlpJson } from "../../schema/index.js";
import { MirrorHarness, request, span, spanId, traceId } from "../support/mirror-harness.js";

const TOKEN_USAGE = {
  resourceMetrics: [
    {
      scopeMetrics: [
        {
          metrics: [
            {
              name: "gen_ai.client.token.usage",
              unit: "{token}",
              histogram: {
                aggregationTemporality: 1,
                dataPoints: [
                  {
                    attributes: [
                      { key: "gen_ai.request.model", value: { stringValue: "gpt-4o-mini" } },
                      { key: "gen_ai.token.type", value: { stringValue: "input" } },
                    ],
                    timeUnixNano: "1795413600000000000",
                    count: "2",
                    sum: 1234,
                    bucketCounts: ["1", "1"],
                    explicitBounds: [1000],
                  },
                ],
              },
            },
          ],
        },
      ],
    },
  ],
};

it("GenAI metrics are stored for dashboards, and add no tokens and no cost to any trace", async () => {
  const harness = await MirrorHarness.open();
  try {
    const model = { key: "gen_ai.request.model", value: { stringValue: "gpt-4o-mini" } };
    const call = span({ traceId: traceId(1), spanId: spanId(1), attributes: [model] });
    await harness.appendData("traces", request(call), 1);
    await harness.appendData("metrics", decodeOtlpJson("metrics", JSON.stringify(TOKEN_USAGE)), 1);
    await harness.mirror.flush(20_000);
    expect(
      await harness.query(
        `SELECT name, unit, "count"::INTEGER, "sum", attributes['gen_ai.request.model'] FROM metric_points`,
      ),
    ).toEqual([["gen_ai.client.token.usage", "{token}", 2, 1234, "gpt-4o-mini"]]);
    expect(await harness.query("SELECT request_model, input_tokens, cost_usd FROM spans")).toEqual([
      ["gpt-4o-mini", null, null],
    ]);
    expect(await harness.query("SELECT total_tokens, cost_usd FROM traces")).toEqual([[null, null]]);
  } finally {
    await harness.close();
  }
});
