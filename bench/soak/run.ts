import { setTimeout as delay } from "node:timers/promises";
import { compareMirror, flushMirror } from "./check.js";
import { SoakClients } from "./clients.js";
import { KILL_POINTS } from "./kill-points.js";
import { type Comparison, SpanLedger } from "./ledger.js";
import type { Random } from "./random.js";
import { SoakServer } from "./server.js";

/** Longest load before a kill at random, milliseconds, and how long a kill point is waited for. */
const LOAD_MS_MAX = 1_200;
const POINT_MS_MAX = 60_000;
const LOAD_BEFORE_COMPACTION_MS = 1_000;
/** One round in so many is killed while it starts, and one in so many at a kill point. */
const KILLED_AT_START = 10;
const KILLED_AT_POINT = 3;
/** Passings of a kill point before it kills. */
const PASSINGS_MAX = 3;
const START_MS_TYPICAL = 1_500;

/** One data directory through many lives of its server. */
export class SoakRun {
  readonly ledger = new SpanLedger();
  readonly clients: SoakClients;
  /** Time to the line that says that it receives, without the time when other programs had the processor, ms. */
  readonly restartsMs: number[] = [];
  readonly killedAt = new Map<string, number>();

  constructor(
    readonly dataDir: string,
    readonly config: string,
    readonly random: Random,
    clients: number,
  ) {
    this.clients = new SoakClients(clients, this.ledger, random);
  }

  /** One life of the server, from its start to its kill. */
  async randomRound(): Promise<void> {
    const { random } = this;
    if (random.below(KILLED_AT_START) === 0) return this.#killWhileStarting();
    const names = Object.keys(KILL_POINTS);
    const point = random.below(KILLED_AT_POINT) === 0 ? names[random.below(names.length)] : undefined;
    if (point === undefined) await this.#life(random.below(LOAD_MS_MAX));
    else await this.#life(random.below(LOAD_MS_MAX), `${point}:${1 + random.below(PASSINGS_MAX)}`);
  }

  /** One life that must end at a kill point. */
  async pointRound(point: string): Promise<void> {
    const before = this.killedAt.get(point) ?? 0;
    await this.#life(POINT_MS_MAX, `${point}:1`);
    if ((this.killedAt.get(point) ?? 0) === before)
      throw new Error(`the kill point ${point} was not reached`);
  }

  /** Lets one server settle everything, stops it, and reads back. Throws when a span is lost or there twice. */
  async check(): Promise<Comparison> {
    const server = await this.#start();
    if (server === undefined) throw new Error("it was killed, yet nobody did");
    try {
      const ports = server.ports();
      await this.clients.settle(ports);
      await flushMirror(ports.http);
    } catch (error) {
      server.kill();
      throw error;
    }
    await server.stop();
    const found = await compareMirror(this.dataDir, this.ledger);
    if (found.lost.length + found.doubled.length + found.unknown.length > 0) {
      const some = (numbers: readonly number[]): string =>
        `${numbers.length} (${numbers.slice(0, 5).join(", ")} ...)`;
      throw new Error(
        `of ${this.ledger.acknowledged} acknowledged spans ${some(found.lost)} are lost, ${some(found.doubled)} are there twice, ${some(found.unknown)} were never sent`,
      );
    }
    return found;
  }

  async #killWhileStarting(): Promise<void> {
    const server = SoakServer.start(this);
    await delay(this.random.below(START_MS_TYPICAL));
    server.kill();
    await server.exited();
    this.#count("while starting");
  }

  async #life(lifeMs: number, killPoint?: string): Promise<void> {
    const name = killPoint?.split(":")[0] ?? "";
    const server = await this.#start(killPoint);
    if (server === undefined) return this.#count(name);
    let over = false;
    // Compaction has a low priority: it would not come to its end beside a load that takes every core.
    const loadUntil = name.startsWith("compaction-")
      ? performance.now() + LOAD_BEFORE_COMPACTION_MS
      : Infinity;
    const load = this.clients.run(server.ports(), () => over || performance.now() > loadUntil);
    // The server keeps this process alive; what is left of the time after its end must not.
    await Promise.race([delay(lifeMs, undefined, { ref: false }), server.exited()]);
    if (server.gone && killPoint === undefined) throw new Error(`it ended by itself: ${server.lastWords}`);
    this.#count(server.gone ? name : "under load");
    server.kill();
    over = true;
    await Promise.all([load, server.exited()]);
  }

  /** Starts, and notes how long it took; undefined when the kill point came first. */
  async #start(killPoint?: string): Promise<SoakServer | undefined> {
    const { dataDir, config } = this;
    const server = SoakServer.start({ dataDir, config, ...(killPoint === undefined ? {} : { killPoint }) });
    const times = await server.ready();
    if (times === undefined) {
      const how = await server.exited();
      if (how === "SIGKILL" && killPoint !== undefined) return undefined;
      throw new Error(`counterfoil start ended with ${how}: ${server.lastWords}`);
    }
    this.restartsMs.push(times.startMs - times.waitedMs);
    return server;
  }

  #count(where: string): void {
    this.killedAt.set(where, (this.killedAt.get(where) ?? 0) + 1);
  }
}
