import { parentPort, workerData } from "node:worker_threads";
import { CounterfoilError, errorMessage } from "../schema/index.js";
import { DestinationRuntime } from "./destination-runtime.js";
import type {
  CallError,
  CallResult,
  DestinationCall,
  DestinationWorkerData,
  FromWorker,
  ToWorker,
} from "./destination-protocol.js";

/** Counters are sent at most this often, milliseconds. */
const STATS_INTERVAL_MS = 100;

const port = parentPort;
if (port === null) throw new Error("destination.worker.ts runs in a worker thread only");

const { options, tail } = workerData as DestinationWorkerData;
const send = (message: FromWorker): void => port.postMessage(message);

let runtime: DestinationRuntime | undefined;
let statsTimer: NodeJS.Timeout | undefined;

function sendStats(): void {
  clearTimeout(statsTimer);
  statsTimer = undefined;
  if (runtime !== undefined) send({ type: "stats", stats: runtime.stats() });
}

function run(runtime: DestinationRuntime, call: DestinationCall): Promise<CallResult> {
  switch (call.method) {
    case "flush":
      return runtime.flush(call.deadlineMs).then(() => undefined);
    case "shutdown":
      return runtime.shutdown(call.deadlineMs).then(() => undefined);
    case "replay":
      return runtime.replay(call.range);
    case "replayDeadLetters":
      return runtime.replayDeadLetters();
  }
}

function toCallError(error: unknown): CallError {
  if (error instanceof CounterfoilError) {
    return { code: error.code, message: error.message, retryable: error.retryable };
  }
  return { code: "CF_EXPORT_PERMANENT", message: errorMessage(error), retryable: false };
}

async function answer(runtime: DestinationRuntime, id: number, call: DestinationCall): Promise<void> {
  try {
    const result = await run(runtime, call);
    sendStats();
    send({ type: "reply", id, result });
  } catch (error) {
    sendStats();
    send({ type: "reply", id, error: toCallError(error) });
  }
  if (call.method === "shutdown") port?.close();
}

try {
  const started = await DestinationRuntime.start(options, tail, {
    onCursor: (seq) => send({ type: "cursor", seq }),
    onChange: () => (statsTimer ??= setTimeout(sendStats, STATS_INTERVAL_MS)),
    onLog: (entry) => send({ type: "log", entry }),
    onLost: (message) => {
      // Uncaught on purpose: the thread ends, and its owner starts another one after a pause.
      setImmediate(() => {
        throw new Error(message);
      });
    },
  });
  runtime = started;
  port.on("message", (message: ToWorker) => {
    if (message.type === "tail") started.notify(message.tail);
    else if (message.type === "retryNow") started.retryNow();
    else void answer(started, message.id, message.call);
  });
  sendStats();
  send({ type: "ready" });
} catch (error) {
  send({ type: "failed", error: toCallError(error) });
  port.close();
}
