import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { encodeOtlp } from "../../../schema/index.js";
import { dataDirPaths, lockDataDir } from "../../../store/index.js";
import type { SealOrder } from "../../../store/seal/messages.js";
import { SealerClient } from "../../../store/seal/sealer-client.js";
import type { StartSealer } from "../../../store/seal/sealer-port.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";

let harness: MirrorHarness | undefined;
afterEach(async () => {
  await harness?.close();
  harness = undefined;
});

const payload = (n: number): Uint8Array =>
  encodeOtlp("traces", request(span({ traceId: traceId(n), spanId: spanId(n) })));

/** Real sealing processes; the system kills one when `when` says so of the order that it has just been given. */
const killedWhen =
  (when: (order: SealOrder) => boolean): StartSealer =>
  async (paths, onLog) => {
    const client = await SealerClient.start(paths, onLog);
    const seal = client.seal.bind(client);
    client.seal = (order, onRead) => {
      const sealing = seal(order, onRead);
      if (when(order)) client.process.kill("SIGKILL");
      return sealing;
    };
    return client;
  };

describe("a sealing process that is killed", () => {
  it("is replaced, and its piece of the journal sealed again", async () => {
    let killed = 0;
    harness = await MirrorHarness.open({ sealIntervalMs: 10, startSealer: killedWhen(() => killed++ === 0) });
    await harness.append({ payload: payload(1) });
    await harness.append({ payload: payload(2) });
    await harness.mirror.flush(25_000);
    expect(killed).toBeGreaterThan(1);
    expect(harness.mirror.stats().requests.failed).toBeGreaterThan(0);
    expect(harness.logs.join("\n")).toMatch(/tried again in .*signal SIGKILL/);
    expect(await harness.query("SELECT seq::INTEGER FROM spans ORDER BY seq")).toEqual([[1], [2]]);
  });

  it("I2: every time over one record leaves that record as a dead letter and seals all others", async () => {
    const poison = 6;
    const hasPoison = (order: SealOrder): boolean => {
      const last = Math.min(order.upToSeq, order.afterSeq + (order.recordsMax ?? Infinity));
      return order.giveUp !== true && order.afterSeq < poison && last >= poison;
    };
    harness = await MirrorHarness.open({ start: false, startSealer: killedWhen(hasPoison) });
    for (let n = 1; n <= 9; n++) await harness.append({ payload: payload(n) });
    await harness.mirror.start(harness.journal.tail());
    await harness.mirror.flush(60_000);
    const rows = await harness.query("SELECT seq::INTEGER FROM spans ORDER BY seq");
    expect(rows).toEqual([1, 2, 3, 4, 5, 7, 8, 9].map((seq) => [seq]));
    expect(harness.mirror.stats().deadLetter["undecodable"]?.traces).toBe(1);
  }, 90_000);

  it("leaves nothing in the folder that it wrote to", async () => {
    harness = await MirrorHarness.open({ sealIntervalMs: 10, startSealer: killedWhen(() => true) });
    await harness.append({ payload: payload(1) });
    await expect(harness.mirror.flush(500)).rejects.toThrow(/the rest is safe in the journal/);
    const { dir } = harness;
    await harness.mirror.shutdown(500);
    expect(readdirSync(dataDirPaths(dir).sealing)).toEqual([]);
  });
});

describe("a sealing process whose owner is gone", () => {
  it("ends by itself, and nothing that it wrote is in the mirror", async () => {
    harness = await MirrorHarness.open({ start: false });
    await harness.append({ payload: payload(1) });
    const paths = dataDirPaths(harness.dir);
    const folder = join(paths.sealing, "orphan");
    const client = await SealerClient.start(
      {
        journalDir: paths.journal,
        mirrorDir: paths.mirror,
        outDir: join(folder, "files"),
        tempDir: join(folder, "spill"),
        deadLetterDir: join(paths.deadLetters, "mirror"),
        pricesDir: paths.prices,
      },
      () => undefined,
    );
    const counts = { traces: 0, logs: 0, metrics: 0, records: 0 };
    const order = { afterSeq: 0, counts, upToSeq: 1, rowsMax: 100, bytesMax: 1e6 };
    const ended = once(client.process, "exit");
    const sealing = client.seal(order, () => undefined);
    client.process.disconnect();
    await expect(sealing).rejects.toThrow(/ended unexpectedly/);
    await ended;
    expect(existsSync(join(paths.mirror, "spans"))).toBe(false);
  });

  it("had a folder that the next owner of the data directory removes", async () => {
    harness = await MirrorHarness.open({ start: false });
    const { dir } = harness;
    await harness.close({ keep: true });
    const { sealing } = dataDirPaths(dir);
    mkdirSync(join(sealing, "orphan", "files"), { recursive: true });
    writeFileSync(join(sealing, "orphan", "files", "0-1-1.parquet"), "half a file");
    const lock = await lockDataDir(dir);
    expect(existsSync(sealing)).toBe(false);
    await lock.release();
  });
});
