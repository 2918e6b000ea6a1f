import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createServerDoor,
  type ImportDoor,
  importLangSmith,
  type ImportOptions,
  type ImportReport,
  LangSmithSource,
  type SourceOptions,
} from "../../../loop/index.js";
import { runApi, type RunningApi } from "../../api/running-api.js";

/** Two servers: `far` is the LangSmith that `near` imports from. */
export interface TwoServers {
  readonly far: RunningApi;
  readonly near: RunningApi;
  readonly door: ImportDoor;
  /** Imports once. `endpoint` is where far is reached, for instance a proxy. */
  pull(options?: PullOptions): Promise<ImportReport>;
  /** Far, or what stands before it. */
  source(options?: Partial<SourceOptions>): LangSmithSource;
  stop(): Promise<void>;
}

/** What differs from importing everything. */
export interface PullOptions extends Partial<Omit<ImportOptions, "source" | "door">> {
  readonly source?: Partial<SourceOptions>;
}

/** Waits that end at once, in the order of their ends: outages of hours take no time. */
export function instantClock(): NonNullable<SourceOptions["clock"]> & { readonly waits: number[] } {
  let now = Date.parse("2026-11-27T12:00:00Z");
  const waits: number[] = [];
  return {
    waits,
    now: () => now,
    random: () => 0.5,
    sleep: async (ms, signal) => {
      signal?.throwIfAborted();
      waits.push(ms);
      now += ms;
    },
  };
}

export async function twoServers(): Promise<TwoServers> {
  const [far, near] = await Promise.all([runApi(), runApi()]);
  const door = createServerDoor({ endpoint: near.url, dataDir: near.dataDir });
  const sourceOf = (options: Partial<SourceOptions> = {}): LangSmithSource =>
    new LangSmithSource({ endpoint: far.url, clock: instantClock(), ...options });
  return {
    far,
    near,
    door,
    source: sourceOf,
    pull: ({ source = {}, ...options } = {}) =>
      importLangSmith({
        source: sourceOf(source),
        door,
        dataDir: near.dataDir,
        ...options,
      }),
    stop: async () => {
      await door.close();
      await Promise.all([far.stop(), near.stop()]);
      for (const folder of folders.splice(0))
        rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

const folders: string[] = [];

/** A folder for what an import remembers, apart from the server's. It goes with the servers. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "counterfoil-import-"));
  folders.push(folder);
  return folder;
}
