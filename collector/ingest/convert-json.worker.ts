import { parentPort } from "node:worker_threads";
import { CounterfoilError, decodeOtlpJson, encodeOtlp, errorMessage } from "../../schema/index.js";
import type { ConversionAnswer, ConversionOrder } from "./convert-json.js";

const port = parentPort;
if (port === null) throw new Error("convert-json.worker runs only as a worker thread");

port.on("message", ({ id, signal, json }: ConversionOrder) => {
  const answer: ConversionAnswer = { id };
  try {
    const wire = encodeOtlp(signal, decodeOtlpJson(signal, json));
    // A copy of its own, so that handing it over can't detach a buffer that the encoder reuses.
    answer.wire = new Uint8Array(wire);
  } catch (error) {
    answer.code = error instanceof CounterfoilError ? error.code : "CF_OTLP_MALFORMED";
    answer.message = errorMessage(error);
  }
  port.postMessage(answer, answer.wire === undefined ? [] : [answer.wire.buffer as ArrayBuffer]);
});
