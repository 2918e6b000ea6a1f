import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { classifyAnswer, LANGSMITH_STATUSES, OTLP_STATUSES } from "../../exporters/core/classify.js";
import { checkEndpoint, joinUrl } from "../../exporters/core/endpoint.js";
import { sliceItems } from "../../exporters/core/items.js";
import { backoffMs, DEFAULT_RETRY, parseRetryAfter } from "../../exporters/core/retry.js";
import { createScrubber } from "../../exporters/core/scrub.js";
import { countItems, encodeOtlp, type MetricsData, type TracesData } from "../../schema/index.js";
import { spanNamed, spansOf, tracesOf } from "../support/memory-journal.js";
import { VirtualClock } from "../support/virtual-clock.js";

const NOW = Date.UTC(2026, 10, 23, 12);

describe("Retry-After", () => {
  it("is seconds or an HTTP date, in the past means now, and is believed up to an hour", () => {
    expect(parseRetryAfter("7", NOW)).toBe(7_000);
    expect(parseRetryAfter("0.5", NOW)).toBe(500);
    expect(parseRetryAfter(new Date(NOW + 30_000).toUTCString(), NOW)).toBe(30_000);
    expect(parseRetryAfter(new Date(NOW - 30_000).toUTCString(), NOW)).toBe(0);
    expect(parseRetryAfter("999999", NOW)).toBe(3_600_000);
    for (const bad of [undefined, "", "soon", "-5"]) expect(parseRetryAfter(bad, NOW)).toBeUndefined();
  });
});

describe("back-off", () => {
  it("grows to its bound, with jitter over most of the range, and is never shorter than Retry-After", () => {
    const clock = new VirtualClock(3);
    const pauses = Array.from({ length: 200 }, () => backoffMs(DEFAULT_RETRY, 30, clock));
    expect(Math.max(...pauses)).toBeLessThanOrEqual(60_000);
    expect(Math.max(...pauses)).toBeGreaterThan(50_000);
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(6_000);
    expect(Math.min(...pauses)).toBeLessThan(15_000);
    expect(backoffMs(DEFAULT_RETRY, 1, clock)).toBeLessThanOrEqual(1_000);
    expect(backoffMs(DEFAULT_RETRY, 1, clock, 30_000)).toBe(30_000);
  });
});

describe("statuses", () => {
  const kinds = (profile: typeof OTLP_STATUSES, statuses: number[]): (string | undefined)[] =>
    statuses.map(
      (status) =>
        classifyAnswer({ status, headers: {}, body: new Uint8Array(), complete: true }, profile, NOW)?.kind,
    );

  it("OTLP: only 429, 502, 503 and 504 are retryable by themselves", () => {
    expect(kinds(OTLP_STATUSES, [200, 429, 502, 503, 504])).toEqual([
      undefined,
      "retry",
      "retry",
      "retry",
      "retry",
    ]);
    expect(kinds(OTLP_STATUSES, [400, 408, 409, 422])).toEqual(Array(4).fill("rejected"));
    expect(kinds(OTLP_STATUSES, [301, 307, 401, 403, 404, 415])).toEqual(Array(6).fill("blocked"));
    expect(kinds(OTLP_STATUSES, [413])).toEqual(["too_large"]);
  });

  it("LangSmith: 408 and 425 too, and 409 means that the run exists", () => {
    expect(kinds(LANGSMITH_STATUSES, [408, 425, 409])).toEqual(["retry", "retry", "delivered"]);
  });

  it("500 is retried, but under suspicion; a peer's text is bounded and has no control characters", () => {
    const body = Buffer.from(`bad\u0007\u001b[31m${"x".repeat(5_000)}`);
    const outcome = classifyAnswer({ status: 500, headers: {}, body, complete: true }, OTLP_STATUSES, NOW);
    expect(outcome).toMatchObject({ kind: "retry", suspect: "rejected_500" });
    const message = outcome?.kind === "retry" ? outcome.message : "";
    expect(message.length).toBeLessThan(600);
    expect(message).toMatch(/^HTTP 500: bad \[31mx/);
  });
});

describe("addresses and secrets", () => {
  it("only plain http with a key to another machine gets a warning", () => {
    const warned = (text: string, hasSecret = true): boolean =>
      checkEndpoint(text, { setting: "e", hasSecret }).warning !== undefined;
    for (const fine of ["https://x", "http://localhost:1", "http://127.0.0.9", "http://[::1]:4318"]) {
      expect(warned(fine)).toBe(false);
    }
    expect(warned("http://10.0.0.1")).toBe(true);
    expect(warned("http://127.0.0.1.evil.com")).toBe(true);
    expect(warned("http://10.0.0.1", false)).toBe(false);
    expect(() => checkEndpoint("file:///etc/passwd", { setting: "e", hasSecret: false })).toThrow("file:");
  });

  it("joins paths whatever slashes there are", () => {
    expect(joinUrl(new URL("https://x/api/v1/"), "v1/traces").href).toBe("https://x/api/v1/v1/traces");
    expect(joinUrl(new URL("https://x"), "v1/traces").href).toBe("https://x/v1/traces");
  });

  it("takes keys out of text, also the token of a bearer header", () => {
    const scrub = createScrubber(["Bearer tok-123456", "a"]);
    expect(scrub("no tok-123456 here, a b")).toBe("no [redacted] here, a b");
  });
});

describe("cutting a request in two", () => {
  it("keeps every span once and in order, with its resource and scope", () => {
    const shape = fc.array(
      fc.array(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 }), { maxLength: 3 }),
      {
        maxLength: 3,
      },
    );
    fc.assert(
      fc.property(shape, fc.double({ min: 0, max: 1, noNaN: true }), (resources, where) => {
        let n = 0;
        const data: TracesData = {
          resourceSpans: resources.flatMap((scopes) =>
            scopes.map((counts) => ({
              ...tracesOf([]).resourceSpans[0],
              schemaUrl: `r${n++}`,
              scopeSpans: counts.map((count) => ({
                schemaUrl: `s${n++}`,
                spans: Array.from({ length: count }, () => spanNamed(`span ${n++}`)),
              })),
            })),
          ),
        };
        const total = countItems("traces", data);
        const middle = Math.floor(where * total);
        const halves = [sliceItems("traces", data, 0, middle), sliceItems("traces", data, middle, total)];
        expect(halves.map((half) => countItems("traces", half))).toEqual([middle, total - middle]);
        const flat = (each: TracesData): unknown[] =>
          each.resourceSpans.flatMap(({ schemaUrl, scopeSpans }) =>
            scopeSpans.flatMap((scope) => scope.spans.map((span) => [schemaUrl, scope.schemaUrl, span])),
          );
        expect(halves.flatMap(flat)).toEqual(flat(data));
        expect(halves.flatMap(spansOf)).toEqual(spansOf(data));
      }),
    );
  });

  it("cuts a metric between its data points, of every kind, and keeps what describes it", () => {
    const point = { attributes: [], startTimeUnixNano: 0n, timeUnixNano: 1n, exemplars: [], flags: 0 };
    const numbers = [1, 2, 3].map((asDouble) => ({ ...point, asDouble }));
    const histogram = { ...point, count: 1n, bucketCounts: [1n], explicitBounds: [] };
    const named = (name: string): { name: string; description: string; unit: string; metadata: [] } => ({
      name,
      description: "d",
      unit: "1",
      metadata: [],
    });
    const data: MetricsData = {
      resourceMetrics: [
        {
          schemaUrl: "",
          scopeMetrics: [
            {
              schemaUrl: "",
              metrics: [
                { ...named("gauge"), gauge: { dataPoints: numbers } },
                {
                  ...named("sum"),
                  sum: { dataPoints: numbers, aggregationTemporality: 2, isMonotonic: true },
                },
                {
                  ...named("histogram"),
                  histogram: { dataPoints: [histogram, histogram], aggregationTemporality: 1 },
                },
                {
                  ...named("exponential"),
                  exponentialHistogram: {
                    dataPoints: [{ ...point, count: 1n, scale: 0, zeroCount: 0n, zeroThreshold: 0 }],
                    aggregationTemporality: 1,
                  },
                },
                {
                  ...named("summary"),
                  summary: { dataPoints: [{ ...point, count: 1n, sum: 1, quantileValues: [] }] },
                },
              ],
            },
          ],
        },
      ],
    };
    const total = countItems("metrics", data);
    expect(total).toBe(10);
    for (let middle = 0; middle <= total; middle += 1) {
      const halves = [sliceItems("metrics", data, 0, middle), sliceItems("metrics", data, middle, total)];
      expect(halves.map((half) => countItems("metrics", half))).toEqual([middle, total - middle]);
      for (const half of halves) encodeOtlp("metrics", half);
    }
    const [cut] = sliceItems("metrics", data, 4, 6).resourceMetrics[0]?.scopeMetrics[0]?.metrics ?? [];
    expect(cut).toEqual({
      ...named("sum"),
      sum: { dataPoints: numbers.slice(1), aggregationTemporality: 2, isMonotonic: true },
    });
  });
});
