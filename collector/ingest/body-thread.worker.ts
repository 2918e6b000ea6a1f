import { parentPort } from "node:worker_threads";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import type { BodyAnswer } from "./body-thread.js";
import { readBody, type BodyOrder } from "./read-body.js";

const port = parentPort;
if (port === null) throw new Error("body-thread.worker runs only as a worker thread");

port.on("message", (order: BodyOrder) => {
  try {
    const read = readBody(order);
    // Handing over memory that something else still uses would empty it there, so what has more to it is copied.
    const { body } = read;
    const own = body.byteLength === body.buffer.byteLength || read.unchanged ? body : new Uint8Array(body);
    port.postMessage({ read: { ...read, body: own } } satisfies BodyAnswer, [own.buffer as ArrayBuffer]);
  } catch (error) {
    const code = error instanceof CounterfoilError ? error.code : "CF_OTLP_MALFORMED";
    port.postMessage({ fault: { code, message: errorMessage(error) } } satisfies BodyAnswer);
  }
});
