import { decodeExportResponse, type Signal } from "../../schema/index.js";
import { cleanText, header } from "./classify.js";
import type { Outcome } from "./exporter.js";
import type { HttpAnswer } from "./http.js";

/** Reads a complete 2xx of an OTLP peer: delivered, perhaps with rejected items. A body that is no OTLP is ignored. */
export function readExportAnswer(signal: Signal, answer: HttpAnswer): Outcome {
  const format = (header(answer, "content-type") ?? "").includes("json") ? "json" : "protobuf";
  try {
    const { rejected, message } = decodeExportResponse(signal, answer.body, format);
    if (rejected <= 0) return { kind: "delivered" };
    return { kind: "delivered", rejected: { count: rejected, message: cleanText(message) } };
  } catch {
    return { kind: "delivered" };
  }
}
