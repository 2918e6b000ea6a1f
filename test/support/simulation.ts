import { Admission } from "../../collector/ingest/admission.js";
import { Ingest } from "../../collector/ingest/ingest.js";
import { classifyAnswer, OTLP_STATUSES } from "../../exporters/core/classify.js";
import type { Outcome } from "../../exporters/core/exporter.js";
import type { HttpAnswer, HttpFailure } from "../../exporters/core/http.js";
import { CounterfoilError, encodeOtlp } from "../../schema/index.js";
import { advance, passing } from "./fake-time.js";
import { type FaultOutcome, injectedError, MemoryFileSystem } from "./memory-file-system.js";
import { spanNamed, tracesOf } from "./memory-journal.js";
import { type Peer, PipelineLife } from "./pipeline-world.js";
import { SeededChance } from "./seeded-chance.js";

/** Names of the two destinations beside the mirror; both get everything. */
export const PEERS = ["langsmith", "otlp"] as const;

/** What a peer does for a while. 413 and 422 are about the content, so they come from names, not from moods. */
const MOODS = ["up", "up", "up", "down", "429", "500", "503", "hang", "reset", "cut", "401"] as const;
type Mood = (typeof MOODS)[number];

/** A client's request: sent again until it is answered with success. */
interface ClientRequest {
  readonly names: readonly string[];
  readonly payload: Uint8Array;
}

const NO_BODY = new Uint8Array();

/** A destination's other side, with moods from the seed. It keeps what it took, and how often. */
class FaultyPeer implements Peer {
  mood: Mood = "up";
  readonly taken = new Map<string, number>();
  readonly #chance: SeededChance;
  readonly #isAlive: () => boolean;

  constructor(chance: SeededChance, isAlive: () => boolean) {
    this.#chance = chance;
    this.#isAlive = isAlive;
  }

  async post(names: readonly string[], abort: AbortSignal): Promise<Outcome> {
    if (!this.#isAlive()) return new Promise(() => undefined);
    await later(this.#chance.below(40));
    const answer = await this.#answer(names, abort);
    return classifyAnswer(answer, OTLP_STATUSES, Date.now()) ?? { kind: "delivered" };
  }

  async #answer(names: readonly string[], abort: AbortSignal): Promise<HttpAnswer | HttpFailure> {
    switch (this.mood) {
      case "down":
        return { failure: "ECONNREFUSED" };
      case "hang":
        // As HttpTransport does at its time-out.
        await later(10_000);
        return { failure: abort.aborted ? "stopped" : "no complete answer within 10000 ms" };
      case "reset":
        // It may have got everything before the connection broke.
        if (this.#chance.is(0.5)) this.#take(names);
        return { failure: "ECONNRESET" };
      case "cut":
        return { status: this.#judge(names), headers: {}, body: NO_BODY, complete: false };
      case "429":
        return { status: 429, headers: { "retry-after": "3" }, body: NO_BODY, complete: true };
      case "401":
      case "500":
      case "503":
        return { status: Number(this.mood), headers: {}, body: NO_BODY, complete: true };
      case "up":
        return { status: this.#judge(names), headers: {}, body: NO_BODY, complete: true };
    }
  }

  #judge(names: readonly string[]): number {
    if (names.some((name) => name.startsWith("huge"))) return 413;
    if (names.some((name) => name.startsWith("poison"))) return 422;
    this.#take(names);
    return 200;
  }

  #take(names: readonly string[]): void {
    // What it refuses for good it does not take, whatever its mood.
    for (const name of names) {
      if (!/^(huge|poison)/.test(name)) this.taken.set(name, (this.taken.get(name) ?? 0) + 1);
    }
  }
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** What a run came to, for the checks. */
export interface SimulationOutcome {
  readonly acked: ReadonlySet<string>;
  readonly sent: ReadonlySet<string>;
  readonly crashes: number;
  readonly refusals: number;
  readonly peers: ReadonlyMap<string, FaultyPeer>;
  readonly life: PipelineLife;
  readonly disk: MemoryFileSystem;
}

/** One seed: clients, disk, peers and crashes for a while, then no more faults until all is drained. */
export class Simulation {
  readonly #chance: SeededChance;
  readonly #acked = new Set<string>();
  readonly #sent = new Set<string>();
  readonly #pending: ClientRequest[] = [];
  readonly peers: Map<string, FaultyPeer>;
  readonly log: string[] = [];
  disk = new MemoryFileSystem();
  #life: PipelineLife | undefined;
  #ingest: Ingest | undefined;
  #generation = 0;
  #isFaulty = true;
  #crashes = 0;
  #refusals = 0;
  #nextName = 1;

  constructor(seed: number) {
    this.#chance = new SeededChance(seed);
    this.peers = new Map(PEERS.map((name) => [name, new FaultyPeer(this.#chance, () => true)]));
  }

  get life(): PipelineLife {
    if (this.#life === undefined) throw new Error("not running");
    return this.#life;
  }

  /** The whole run. Throws when a step takes for ever. */
  async run(steps: number, check: (life: PipelineLife) => void): Promise<SimulationOutcome> {
    await this.#start();
    for (let step = 0; step < steps; step += 1) {
      await this.#step();
      if (this.#life !== undefined) check(this.#life);
    }
    await this.#calmDown();
    check(this.life);
    const { disk, life, peers } = this;
    return {
      acked: this.#acked,
      sent: this.#sent,
      crashes: this.#crashes,
      refusals: this.#refusals,
      peers,
      life,
      disk,
    };
  }

  /** Starts a life, as often as the disk makes it fail. */
  async #start(): Promise<void> {
    this.#generation += 1;
    const generation = this.#generation;
    const { disk } = this;
    disk.fault = (operation) => this.#diskFault(operation.kind);
    const peers = new Map(
      [...this.peers].map(([name, peer]): [string, Peer] => [
        name,
        {
          post: (names, abort) =>
            generation === this.#generation ? peer.post(names, abort) : new Promise(() => undefined),
        },
      ]),
    );
    const opening = PipelineLife.open(disk, {
      peers,
      segmentBytes: 4_096,
      journalBytesMax: 64 * 1_024,
      maintenanceIntervalMs: 20_000,
      graceMs: 30_000,
      logLinesMax: 6,
      random: () => this.#chance.next(),
      onLog: (message) => this.log.push(`${Date.now()} ${message}`),
    });
    try {
      const life = await passing(opening);
      this.#life = life;
      this.#ingest = new Ingest({ journal: life.journal, admission: new Admission(), observer: NO_OBSERVER });
    } catch (error) {
      // The supervisor starts it again; a start must not need luck for ever.
      this.log.push(`${Date.now()} start failed: ${String(error)}`);
      if (!this.#isFaulty) throw error;
      this.#abandon(disk.afterKill());
    }
  }

  #diskFault(kind: string): FaultOutcome | Promise<FaultOutcome> {
    if (!this.#isFaulty) return undefined;
    const dice = this.#chance.next();
    if (kind === "writev" && dice < 0.02) return "short";
    if (kind === "writev" && dice < 0.04) return injectedError("ENOSPC");
    if (dice < 0.015) return injectedError("EIO");
    const isSync = kind === "sync" || kind === "datasync";
    if (isSync && dice > 0.97) return later(2_000).then(() => undefined);
    return undefined;
  }

  async #step(): Promise<void> {
    const dice = this.#chance.next();
    if (this.#life === undefined) await this.#start();
    else if (dice < 0.55) this.#send();
    else if (dice < 0.75) await advance(this.#chance.below(400));
    else if (dice < 0.8) await advance(this.#chance.below(40_000));
    else if (dice < 0.9) this.#changeMood();
    else if (dice < 0.93) await this.#crash();
    else this.#resend();
    await advance(1 + this.#chance.below(20));
  }

  #changeMood(): void {
    for (const peer of this.peers.values()) {
      if (this.#chance.is(0.5)) peer.mood = this.#chance.pick(MOODS);
    }
  }

  #send(): void {
    for (let count = 1 + this.#chance.below(5); count > 0; count -= 1) {
      const names = Array.from({ length: 1 + this.#chance.below(4) }, () => {
        const dice = this.#chance.next();
        const kind = dice < 0.9 ? "span" : dice < 0.95 ? "poison" : "huge";
        return `${kind}-${this.#nextName++}`;
      });
      for (const name of names) this.#sent.add(name);
      const payload = encodeOtlp("traces", tracesOf(names.map((name) => spanNamed(name))));
      void this.#try({ names, payload });
    }
  }

  /** What was refused, and what was in flight when the process died, is sent again by its client. */
  #resend(): void {
    for (const request of this.#pending.splice(0)) void this.#try(request);
  }

  async #try(request: ClientRequest): Promise<void> {
    const generation = this.#generation;
    const ingest = this.#ingest;
    if (ingest === undefined) {
      this.#pending.push(request);
      return;
    }
    const arrival = { signal: "traces", receiver: "otlp", transport: "http" } as const;
    const { payload, names } = request;
    this.#inFlight.add(request);
    try {
      const bytesMax = 1 << 20;
      const reservation = ingest.admit(arrival, { declaredBytes: payload.length, bytesMax });
      try {
        await ingest.accept({
          ...arrival,
          format: "protobuf",
          encoding: "identity",
          bytes: payload,
          bytesMax,
          reservation,
        });
      } finally {
        reservation.release();
      }
      if (generation !== this.#generation) return;
      for (const name of names) this.#acked.add(name);
    } catch (error) {
      if (!(error instanceof CounterfoilError) || !error.retryable) throw error;
      if (generation !== this.#generation) return;
      this.#refusals += 1;
      this.#pending.push(request);
    }
    this.#inFlight.delete(request);
  }

  readonly #inFlight = new Set<ClientRequest>();

  /** A kill or a power cut, at some operation that is yet to come. */
  async #crash(): Promise<void> {
    const { disk } = this;
    disk.diesAtOperation = disk.operations + 1 + this.#chance.below(12);
    this.#send();
    await Promise.race([passing(disk.death, 120_000).catch(() => undefined), disk.death]);
    this.#crashes += 1;
    this.log.push(`${Date.now()} crash`);
    this.#abandon(
      this.#chance.is(0.5)
        ? disk.afterKill()
        : disk.afterPowerCut({
            keptWrites: this.#chance.below(3),
            tornFraction: this.#chance.next(),
            zeroFill: this.#chance.is(0.5),
            loseNames: this.#chance.is(0.5),
          }),
    );
    await this.#start();
  }

  #abandon(disk: MemoryFileSystem): void {
    this.disk.kill();
    this.disk = disk;
    this.#life = undefined;
    this.#ingest = undefined;
    this.#generation += 1;
    this.#pending.push(...this.#inFlight);
    this.#inFlight.clear();
  }

  /** No more faults: everything must drain by itself, whatever state it is in. */
  async #calmDown(): Promise<void> {
    this.#isFaulty = false;
    for (const peer of this.peers.values()) peer.mood = "up";
    if (this.#life === undefined) await this.#start();
    for (let round = 0; round < 60 && (this.#pending.length > 0 || this.#inFlight.size > 0); round += 1) {
      this.#resend();
      await advance(5_000);
    }
    // A pause after 401 is a minute, a back-off at most as long.
    await advance(5 * 60_000);
  }
}

const NO_OBSERVER = {
  accepted: () => undefined,
  refused: () => undefined,
  failed: () => undefined,
  appendSeconds: () => undefined,
};
