import { parentPort, workerData } from "node:worker_threads";
import { CounterfoilError, errorMessage } from "../../schema/index.js";
import type { SealerPaths, SealerReply, SealerRequest, SpanIds } from "./messages.js";
import { Sealer } from "./sealer.js";

/** A sealing worker: takes requests one at a time, in order, and answers each. */
async function main(port: NonNullable<typeof parentPort>): Promise<void> {
  const reply = (message: SealerReply, transfer: ArrayBuffer[] = []): void => {
    port.postMessage(message, transfer);
  };
  const { sealer, filler, note } = await Sealer.open(workerData as SealerPaths);
  let last: Promise<void> = Promise.resolve();
  let failures = 0;
  const handle = async (request: SealerRequest): Promise<void> => {
    if (request.type === "stop") {
      sealer.close();
      port.close();
      return;
    }
    try {
      await answer(sealer, request, reply);
      failures = 0;
    } catch (error) {
      failures++;
      const known = error instanceof CounterfoilError ? error : undefined;
      if (known === undefined && failures > 1) sealer.useSafeFiller();
      reply({
        type: "failed",
        id: request.id,
        code: known?.code ?? "CF_SEAL_FAILED",
        message: errorMessage(error),
        // What the disk refused may go well later; anything else will fail again with the same records.
        retryable: known?.retryable ?? isDiskFailure(error),
      });
    }
  };
  port.on("message", (request: SealerRequest) => {
    last = last.then(() => handle(request));
  });
  reply({ type: "ready", filler, note });
}

/** Failures of the system (Node's errno codes, DuckDB's "IO Error") and of memory: not the fault of what is sealed. */
function isDiskFailure(error: unknown): boolean {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return true;
  return /^(IO|Out of Memory|Interrupt) Error/.test(errorMessage(error));
}

async function answer(
  sealer: Sealer,
  request: Exclude<SealerRequest, { type: "stop" }>,
  reply: (message: SealerReply, transfer?: ArrayBuffer[]) => void,
): Promise<void> {
  const { id } = request;
  if (request.type === "seal") {
    const range = await sealer.seal(request.order, (read) => reply({ type: "read", id, range: read }));
    reply({ type: "sealed", id, range }, buffers(range.ids));
  } else if (request.type === "winners") {
    reply({ type: "winners", id, file: await sealer.writeWinners(request.order) });
  } else {
    const ids = await sealer.recentIds(request.paths, request.max);
    reply({ type: "recent", id, ids }, buffers(ids));
  }
}

function buffers(ids: SpanIds): ArrayBuffer[] {
  return [ids.ids.buffer, ids.seqs.buffer, ids.places.buffer];
}

if (parentPort !== null) await main(parentPort);
