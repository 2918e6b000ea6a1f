import { CounterfoilError, errorMessage } from "../../schema/index.js";
import type { SealerPaths, SealerReply, SealerRequest } from "./messages.js";
import { Sealer } from "./sealer.js";

/** Takes requests one at a time, in order, and answers each. */
async function serve(paths: SealerPaths): Promise<(request: SealerRequest) => void> {
  const { sealer, filler, note } = await Sealer.open(paths);
  let last: Promise<void> = Promise.resolve();
  let failures = 0;
  const handle = async (request: SealerRequest): Promise<void> => {
    if (request.type === "stop") {
      sealer.close();
      process.exit(0);
    }
    try {
      await answer(sealer, request);
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
  reply({ type: "ready", filler, note });
  return (request) => {
    last = last.then(() => handle(request));
  };
}

function reply(message: SealerReply): void {
  process.send?.(message, () => undefined);
}

/** Failures of the system (Node's errno codes, DuckDB's "IO Error") and of memory: not the fault of what is sealed. */
function isDiskFailure(error: unknown): boolean {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return true;
  return /^(IO|Out of Memory|Interrupt) Error/.test(errorMessage(error));
}

async function answer(sealer: Sealer, request: Exclude<SealerRequest, { type: "stop" }>): Promise<void> {
  const { id } = request;
  if (request.type === "seal") {
    const range = await sealer.seal(request.order, (read) => reply({ type: "read", id, range: read }));
    reply({ type: "sealed", id, range });
  } else if (request.type === "winners") {
    reply({ type: "winners", id, file: await sealer.writeWinners(request.order) });
  } else {
    reply({ type: "recent", id, ids: await sealer.recentIds(request.paths, request.max) });
  }
}

process.once("message", (paths: SealerPaths) => {
  const serving = serve(paths);
  process.on("message", (request: SealerRequest) => {
    void serving.then((take) => take(request));
  });
  serving.catch((error: unknown) => {
    process.stderr.write(`${errorMessage(error)}\n`, () => process.exit(1));
  });
});
// Ctrl-C in a terminal and a service manager's SIGTERM reach children, too: it is for the parent to say what they mean.
process.on("SIGINT", () => undefined);
process.on("SIGTERM", () => undefined);
// A plain exit would wait for the engine, which may be busy for long.
process.on("disconnect", () => process.kill(process.pid, "SIGKILL"));
