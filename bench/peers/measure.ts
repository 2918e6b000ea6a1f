import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage } from "../../schema/index.js";
import { cacheFolder, type BodySet } from "../load/bodies.js";
import { runLoad } from "../load/run-load.js";
import { treeUsage } from "../measure/process-usage.js";
import { RssWatch } from "../measure/rss-watch.js";
import { folderBytes, type Peer, type RunningPeer } from "./peer.js";

/** What one peer did with the load. */
export interface PeerReport {
  readonly name: string;
  readonly version: string;
  readonly durable: string;
  readonly keeps: string;
  readonly measuredAt: string;
  /** Length of its load. */
  readonly seconds: number;
  /** Why there are no figures. */
  readonly error?: string;
  readonly figures?: PeerFigures;
}

/** Figures of a load. */
export interface PeerFigures {
  /** Spans answered with success, a second. */
  readonly acceptedPerSecond: number;
  /** Spans accepted, divided by the time until they could be read back; undefined when nothing can be asked. */
  readonly storedPerSecond?: number;
  /** Spans accepted that could not be read back two minutes after the load: still waiting in memory, or dropped. */
  readonly missing?: number;
  readonly cpuMicrosPerSpan: number;
  readonly diskBytesPerSpan: number;
  readonly rssMaxMib: number;
  readonly p99Ms: number;
  readonly refused: number;
  readonly failed: number;
  readonly generatorCores: number;
}

/** How a peer is measured. */
export interface PeerSettings {
  readonly bodies: BodySet;
  readonly seconds: number;
  readonly connections: number;
  /** How long a peer may take to store what it accepted. */
  readonly settleMs: number;
}

const POLL_MS = 500;
/** A peer whose count has not moved for this long stores no more. */
const QUIET_MS = 45_000;

interface Settled {
  readonly spans: number;
  readonly ms: number;
}

async function settle(peer: RunningPeer, wanted: number, settleMs: number): Promise<Settled | undefined> {
  if (peer.stored === undefined) return undefined;
  const started = performance.now();
  let best = { spans: 0, ms: 0 };
  while (performance.now() - started < settleMs) {
    const spans = await peer.stored().catch(() => 0);
    const ms = performance.now() - started;
    if (spans > best.spans) best = { spans, ms };
    if (spans >= wanted || ms - best.ms > QUIET_MS) break;
    await sleep(POLL_MS);
  }
  return best;
}

async function figuresOf(
  running: RunningPeer,
  dataDir: string,
  settings: PeerSettings,
): Promise<PeerFigures> {
  const { bodies, seconds, connections } = settings;
  const rss = new RssWatch(running.pid);
  const before = treeUsage(running.pid);
  const load = await runLoad({ ...running.target, bodies, seconds, connections, rate: 0 });
  if (load.spans === 0)
    throw new Error(`it accepted nothing: ${load.refused} refused, ${load.failed} failed`);
  const settled = await settle(running, load.spans, settings.settleMs);
  const used = treeUsage(running.pid).cpuSeconds - before.cpuSeconds;
  const { treeMaxMib } = rss.stop();
  // What lies in write-ahead logs and buffers reaches its file at the end.
  await running.stop();
  const base = {
    acceptedPerSecond: load.spans / load.seconds,
    cpuMicrosPerSpan: (used * 1e6) / load.spans,
    diskBytesPerSpan: folderBytes(dataDir) / load.spans,
    rssMaxMib: treeMaxMib,
    p99Ms: load.ack.p99,
    refused: load.refused,
    failed: load.failed,
    generatorCores: load.cores,
  };
  if (settled === undefined) return base;
  return {
    ...base,
    storedPerSecond: settled.spans / (load.seconds + settled.ms / 1000),
    missing: Math.max(0, load.spans - settled.spans),
  };
}

/** Installs, starts, loads and stops one peer. Never throws: what can't be run says why. */
export async function measurePeer(
  peer: Peer,
  settings: PeerSettings,
  log: (text: string) => void,
): Promise<PeerReport> {
  const { name, version, durable, keeps } = peer;
  const about = {
    name,
    version,
    durable,
    keeps,
    measuredAt: new Date().toISOString(),
    seconds: settings.seconds,
  };
  const root = mkdtempSync(join(tmpdir(), "counterfoil-peer-"));
  const dataDir = join(root, "data");
  mkdirSync(dataDir);
  let running: RunningPeer | undefined;
  try {
    const folder = join(cacheFolder(), "peers", peer.folder);
    log(`${name}: installing (kept in ${folder})`);
    await peer.install(folder);
    log(`${name}: starting`);
    running = await peer.start(folder, dataDir);
    log(`${name}: ${settings.seconds} s of load`);
    return { ...about, figures: await figuresOf(running, dataDir, settings) };
  } catch (error) {
    return { ...about, error: errorMessage(error).split("\n")[0] ?? "" };
  } finally {
    await running?.stop().catch(() => undefined);
    rmSync(root, { recursive: true, force: true });
  }
}
