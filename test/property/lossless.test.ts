import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeOtlp, encodeOtlp, type Signal, type SignalData } from "../../schema/index.js";
import { rowsToOtlp, rowsToOtlpBytes } from "../../store/rows-to-otlp.js";
import { otlpArbitraries } from "../support/otlp-arbitraries.js";
import { flatten, SealHarness } from "../support/seal-harness.js";

let harness: SealHarness;
beforeAll(async () => {
  harness = await SealHarness.open();
});
afterAll(() => harness.close());

/** Sealing has a fixed price per file, so each run seals several requests. */
const RUNS = { numRuns: 40 };

async function expectLossless<S extends Signal>(
  signal: S,
  requests: readonly Uint8Array[],
  plain: boolean,
): Promise<void> {
  const rows = await harness.roundTrip(signal, requests);
  const sent = requests.flatMap((bytes) => flatten(signal, decodeOtlp(signal, bytes)));
  expect(flatten(signal, rowsToOtlp(signal, rows))).toEqual(sent);
  expect(flatten(signal, decodeOtlp(signal, rowsToOtlpBytes(signal, rows)))).toEqual(sent);
  if (plain) expect(rows.filter((row) => row.blob("raw") !== null)).toHaveLength(0);
}

function property<S extends Signal>(
  signal: S,
  data: fc.Arbitrary<SignalData[S]>,
  plain: boolean,
): Promise<void> {
  const requests = fc.array(data, { minLength: 1, maxLength: 4 });
  return fc.assert(
    fc.asyncProperty(requests, (list) =>
      expectLossless(
        signal,
        list.map((item) => encodeOtlp(signal, item)),
        plain,
      ),
    ),
    RUNS,
  );
}

const any = otlpArbitraries({ plain: false });
const plain = otlpArbitraries({ plain: true });

describe("I4: OTLP out of the mirror equals OTLP in", () => {
  it("for any trace request", () => property("traces", any.traces, false), 120_000);
  it("for any logs request", () => property("logs", any.logs, false), 120_000);
  it("for any metrics request", () => property("metrics", any.metrics, false), 120_000);
  it("from the columns alone for plain traces", () => property("traces", plain.traces, true), 120_000);
  it("from the columns alone for plain logs", () => property("logs", plain.logs, true), 120_000);
  it("from the columns alone for plain metrics", () => property("metrics", plain.metrics, true), 120_000);

  it("for trace requests with bytes changed at random, as long as they are protobuf at all", async () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(any.traces, flips, async (data, changes) => {
        const bytes = encodeOtlp("traces", data);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        let sent;
        try {
          sent = flatten("traces", decodeOtlp("traces", bytes));
        } catch {
          return;
        }
        const rows = await harness.roundTrip("traces", [bytes]);
        expect(flatten("traces", rowsToOtlp("traces", rows))).toEqual(sent);
      }),
      { numRuns: 150 },
    );
  }, 120_000);
});
