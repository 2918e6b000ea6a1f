import { describe, expect, test } from "vitest";
import {
  CounterfoilError,
  decodeExportResponse,
  decodeStatus,
  encodeExportResponse,
  encodeStatus,
  SIGNALS,
} from "../../../schema/index.js";
import { oracleType } from "./oracle.js";

const FORMATS = ["protobuf", "json"] as const;

function plain(type: string, bytes: Uint8Array): unknown {
  return oracleType(type).toObject(oracleType(type).decode(bytes), { longs: Number, bytes: String });
}

function json(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString("utf8"));
}

describe("Export*ServiceResponse", () => {
  test.each(FORMATS)("comes back from %s for every signal", (format) => {
    for (const signal of SIGNALS) {
      for (const response of [
        { rejected: 0, message: "" },
        { rejected: 3, message: "trace id missing" },
        { rejected: 0, message: "a warning" },
        { rejected: 2 ** 40, message: "" },
      ]) {
        expect(decodeExportResponse(signal, encodeExportResponse(signal, response, format), format)).toEqual(
          response,
        );
      }
    }
  });

  test("is empty for a full success, and says what was rejected otherwise", () => {
    expect(encodeExportResponse("traces", { rejected: 0, message: "" }, "protobuf")).toHaveLength(0);
    expect(json(encodeExportResponse("logs", { rejected: 0, message: "" }, "json"))).toEqual({});
    const partial = { rejected: 2, message: "why" };
    expect(plain("ExportTraceServiceResponse", encodeExportResponse("traces", partial, "protobuf"))).toEqual({
      partialSuccess: { rejectedSpans: 2, errorMessage: "why" },
    });
    const names = SIGNALS.map((signal) => json(encodeExportResponse(signal, partial, "json")));
    expect(names).toEqual(
      ["rejectedSpans", "rejectedLogRecords", "rejectedDataPoints"].map((name) => ({
        partialSuccess: { [name]: "2", errorMessage: "why" },
      })),
    );
  });

  test("of a server that answers null, a number or nothing is read too; garbage is refused", () => {
    const read = (text: string): unknown => decodeExportResponse("traces", Buffer.from(text), "json");
    expect(read('{"partialSuccess":null}')).toEqual({ rejected: 0, message: "" });
    expect(read('{"partialSuccess":{"rejectedSpans":4}}')).toEqual({ rejected: 4, message: "" });
    expect(read("")).toEqual({ rejected: 0, message: "" });
    expect(() => read("<html>")).toThrow(CounterfoilError);
    expect(() => read('{"partialSuccess":{"rejectedSpans":"many"}}')).toThrow(CounterfoilError);
    expect(() => decodeExportResponse("traces", Buffer.from("<html>"), "protobuf")).toThrow(CounterfoilError);
  });
});

describe("google.rpc.Status", () => {
  test.each(FORMATS)("comes back from %s", (format) => {
    for (const status of [
      { code: 0, message: "" },
      { code: 3, message: "span 2: \u0000 é" },
      { code: 14, message: "full", retryDelaySeconds: 2 },
      { code: 8, message: "busy", retryDelaySeconds: 0.25 },
      { code: -1, message: "odd", retryDelaySeconds: 0 },
    ]) {
      expect(decodeStatus(encodeStatus(status, format), format)).toEqual(status);
    }
  });

  test("carries RetryInfo as an Any, as the oracle reads it", () => {
    const bytes = encodeStatus({ code: 14, message: "later", retryDelaySeconds: 2.5 }, "protobuf");
    const details = oracleType("RpcStatus").decode(bytes) as unknown as {
      details: { typeUrl: string; value: Uint8Array }[];
    };
    expect(details).toMatchObject({ code: 14, message: "later" });
    expect(details.details[0]?.typeUrl).toBe("type.googleapis.com/google.rpc.RetryInfo");
    expect(plain("RetryInfo", details.details[0]?.value ?? new Uint8Array(0))).toEqual({
      retryDelay: { seconds: 2, nanos: 500_000_000 },
    });
    expect(json(encodeStatus({ code: 14, message: "later", retryDelaySeconds: 2 }, "json"))).toEqual({
      code: 14,
      message: "later",
      details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "2s" }],
    });
  });

  test("with other details is read without them", () => {
    const other = oracleType("RpcStatus");
    const bytes = other
      .encode(other.fromObject({ code: 5, details: [{ typeUrl: "x/y", value: "AAAA" }] }))
      .finish();
    expect(decodeStatus(bytes, "protobuf")).toEqual({ code: 5, message: "" });
    expect(decodeStatus(Buffer.from('{"code":5,"details":[{"@type":"x/y"}]}'), "json")).toEqual({
      code: 5,
      message: "",
    });
  });
});
