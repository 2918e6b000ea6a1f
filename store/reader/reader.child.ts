import { rmSync } from "node:fs";
import { queryFailure } from "../query/query-failure.js";
import { ReaderEngine } from "./reader-engine.js";
import type { FromReader, ReaderAnswer, ReaderQuery, ReaderSetup, ToReader } from "./reader-types.js";

/**
 * The process of a {@link MirrorReader}. A crash of the engine takes only this process along. It ends when its parent
 * closes the channel, or is gone.
 */

let setup: ReaderSetup | undefined;
let engine: Promise<ReaderEngine> | undefined;

/** The engine; when it could not be opened (there may be no mirror yet), the next query tries again. */
async function openEngine(): Promise<ReaderEngine> {
  if (setup === undefined) throw new Error("a query came before the setup");
  engine ??= ReaderEngine.open(setup);
  try {
    return await engine;
  } catch (error) {
    engine = undefined;
    throw error;
  }
}

async function answerTo(query: ReaderQuery): Promise<ReaderAnswer> {
  try {
    return { ok: true, ...(await (await openEngine()).run(query)) };
  } catch (error) {
    return queryFailure(error);
  }
}

async function reply(query: ReaderQuery): Promise<void> {
  const message: FromReader = { id: query.id, answer: await answerTo(query) };
  process.send?.(message);
}

process.on("message", (message: ToReader) => {
  if ("setup" in message) {
    setup = message.setup;
  } else if ("query" in message) {
    void reply(message.query);
  } else {
    const { cancel } = message;
    engine?.then(
      (open) => open.cancel(cancel),
      () => undefined,
    );
  }
});
// Ctrl-C in a terminal reaches children, too: it is for the parent to say what it means.
process.on("SIGINT", () => undefined);
process.on("disconnect", () => {
  // A parent that ended of itself has removed it already.
  if (setup !== undefined) rmSync(setup.workDir, { recursive: true, force: true });
  // A plain exit would wait for the engine, which may be busy for long.
  process.kill(process.pid, "SIGKILL");
});
