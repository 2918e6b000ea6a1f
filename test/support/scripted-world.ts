import { join } from "node:path";
import type { Outcome } from "../../exporters/core/exporter.js";
import { encodeOtlp } from "../../schema/index.js";
import { planRetention } from "../../store/index.js";
import { advance, passing } from "./fake-time.js";
import { MemoryFileSystem } from "./memory-file-system.js";
import { spanNamed, tracesOf } from "./memory-journal.js";
import type { Promised } from "./pipeline-invariants.js";
import { PATHS, type Peer, PipelineLife, type PipelineOptions, SINK } from "./pipeline-world.js";
import { decodeRows } from "./stand-in-files.js";

/** Bytes of the mirror that {@link ScriptedWorld.retain} keeps. */
const RETAINED_BYTES = 700;

/** Spans of this kind are refused by the peer, one by one, and become dead letters. */
const POISON = /^poison/;

/** What one or more lives have promised. */
class Oracle {
  readonly submitted: string[] = [];
  readonly acked: Record<string, number> = {};
  readonly expiring = new Set<string>();
  readonly received: string[] = [];
  next = 1;
}

/** One life of the pipeline, step by step, with the oracle of what it and those before it have promised. */
export class ScriptedWorld {
  readonly disk: MemoryFileSystem;
  readonly #oracle: Oracle;
  #life: PipelineLife | undefined;
  #isDead = false;
  peerIsDown = false;

  constructor(disk = new MemoryFileSystem(), oracle = new Oracle()) {
    this.disk = disk;
    this.#oracle = oracle;
  }

  get life(): PipelineLife {
    if (this.#life === undefined) throw new Error("start first");
    return this.#life;
  }

  /** A copy of what has been promised by now. */
  promised(): Promised {
    const { submitted, acked, expiring, received } = this.#oracle;
    return {
      submitted: [...submitted],
      acked: { ...acked },
      expiring: [...expiring],
      received: [...received],
    };
  }

  async start(options: Partial<PipelineOptions> = {}): Promise<void> {
    const peer: Peer = {
      post: (names) => (this.#isDead ? new Promise(() => undefined) : Promise.resolve(this.#answer(names))),
    };
    const life = await PipelineLife.open(this.disk, {
      peers: new Map([[SINK, peer]]),
      openFilesMax: 1,
      retention: { bytes: RETAINED_BYTES * 1_000 },
      ...options,
    });
    this.#life = life;
  }

  #answer(names: readonly string[]): Outcome {
    if (this.peerIsDown) return { kind: "retry", message: "ECONNREFUSED" };
    if (names.some((name) => POISON.test(name)))
      return { kind: "rejected", reason: "rejected_400", message: "poison" };
    this.#oracle.received.push(...names);
    return { kind: "delivered" };
  }

  /** Appends records of so many spans all at once; settles when all are answered. */
  append(records: readonly (readonly string[])[]): Promise<PromiseSettledResult<void>[]> {
    return Promise.allSettled(
      records.map(async (kinds) => {
        const names = kinds.map((kind) => `${kind}-${this.#oracle.next++}`);
        this.#oracle.submitted.push(...names);
        const seq = await this.life.journal.append({
          signal: "traces",
          encoding: "identity",
          payload: encodeOtlp("traces", tracesOf(names.map((name) => spanNamed(name)))),
          itemCount: names.length,
          receivedUnixNano: BigInt(Date.now()) * 1_000_000n,
        });
        for (const name of names) this.#oracle.acked[name] = seq;
      }),
    );
  }

  /** Everything accepted so far becomes visible. */
  async seal(): Promise<void> {
    await passing(this.life.mirror.flush(60_000));
  }

  /** Everything accepted so far is settled with the sink. */
  async deliver(): Promise<void> {
    await passing(this.life.destinations.flush(60_000, SINK));
  }

  trim(): Promise<void> {
    return this.life.journal.trim();
  }

  /** Compaction, and the removal of files whose grace is over. */
  async maintain(): Promise<void> {
    await passing(this.life.maintenance.runOnce());
  }

  /** Retention by size: the oldest files go. What they hold may be gone from now on. */
  async retain(): Promise<void> {
    const { catalog } = this.life;
    const { files } = catalog.snapshot();
    const { remove } = planRetention(files, { bytes: RETAINED_BYTES }, Date.now());
    if (remove.length === 0) return;
    for (const { path } of remove) {
      for (const { name } of decodeRows(this.disk.contentOf(join(PATHS.mirror, path))))
        this.#oracle.expiring.add(name);
    }
    await catalog.commit({ add: [], remove: remove.map(({ path }) => path) });
  }

  /** Time for the grace period of removed files to end. */
  wait(ms: number): Promise<void> {
    return advance(ms);
  }

  async close(): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    if (life !== undefined) await passing(life.close());
  }

  /** The process dies. The next life, with the same oracle, is over what it leaves: `disk`. */
  die(disk: MemoryFileSystem): ScriptedWorld {
    this.disk.kill();
    this.#isDead = true;
    return new ScriptedWorld(disk, this.#oracle);
  }
}
