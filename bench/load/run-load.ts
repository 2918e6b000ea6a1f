import { fork } from "node:child_process";
import type { LoadOrder, LoadReport } from "./order.js";

type Message = { ready: true } | { report: LoadReport } | { error: string };

/** A load process whose bodies are in memory. */
export interface PreparedLoad {
  /** Sends, and resolves with what it saw; the process then ends. */
  run(): Promise<LoadReport>;
}

/** Starts a load process and resolves when it could begin. */
export function prepareLoad(order: LoadOrder): Promise<PreparedLoad> {
  const child = fork(new URL("./load.child.js", import.meta.url));
  return new Promise((resolveReady, rejectReady) => {
    let settle: { resolve: (report: LoadReport) => void; reject: (error: Error) => void } | undefined;
    const fail = (error: Error): void => (settle?.reject ?? rejectReady)(error);
    child.once("error", fail);
    child.once("exit", (code) => fail(new Error(`the load generator ended with ${code}`)));
    child.on("message", (message: Message) => {
      if ("error" in message) fail(new Error(message.error));
      else if ("report" in message) settle?.resolve(message.report);
      else {
        resolveReady({
          run: () =>
            new Promise((resolve, reject) => {
              settle = { resolve, reject };
              child.send({ go: true });
            }),
        });
      }
    });
    child.send({ order });
  });
}

/** Prepares and runs one order. */
export async function runLoad(order: LoadOrder): Promise<LoadReport> {
  return await (await prepareLoad(order)).run();
}
