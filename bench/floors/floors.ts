import { fork } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { runLoad } from "../load/run-load.js";
import type { LoadOrder, LoadReport } from "../load/order.js";
import { processUsage } from "../measure/process-usage.js";

/** What a floor's server does with a body. */
export type FloorMode = "discard" | "durable" | "grpc";

/** A floor under load. */
export interface FloorResult {
  readonly load: LoadReport;
  readonly spansPerSecond: number;
  readonly cpuMicrosPerSpan: number;
}

/** Sends the load at a server that does the least possible, in a process of its own. */
export async function measureFloor(
  mode: FloorMode,
  order: Omit<LoadOrder, "port">,
  folder: string,
): Promise<FloorResult> {
  const path = join(folder, `floor-${mode}`);
  const child = fork(new URL("./floor-server.child.js", import.meta.url), [mode, path]);
  try {
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    const before = processUsage(child.pid ?? 0);
    const load = await runLoad({ ...order, port });
    const used = processUsage(child.pid ?? 0).cpuSeconds - before.cpuSeconds;
    return {
      load,
      spansPerSecond: load.spans / load.seconds,
      cpuMicrosPerSpan: (used * 1e6) / Math.max(1, load.spans),
    };
  } finally {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    rmSync(path, { force: true });
  }
}
