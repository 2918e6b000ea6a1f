import { randomFillSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { createLogger, defaultConfig, startCollector, type Collector } from "../../collector/index.js";
import { DISK_RESERVE_BYTES, encodeOtlp } from "../../schema/index.js";
import { queryRows } from "../../store/index.js";
import { makeSpan, makeTraces } from "../collector/harness.js";
import { mountSmallDisk, NO_SMALL_DISK, type SmallDisk } from "../support/small-disk.js";

const MIB = 1024 * 1024;
const probe = mountSmallDisk(MIB);
probe?.close();
if (probe === undefined) console.warn(`full-disk.test.ts ${NO_SMALL_DISK}`);

let disk: SmallDisk | undefined;
let collector: Collector | undefined;
afterEach(async () => {
  await collector?.shutdown(2_000);
  disk?.close();
  collector = undefined;
});

/** A collector whose data directory is a real, small file system, with the reserve that an earlier run left. */
async function open(diskBytes: number): Promise<{ dataDir: string; reserve: string; small: SmallDisk }> {
  const small = mountSmallDisk(diskBytes);
  if (small === undefined) throw new Error(NO_SMALL_DISK);
  disk = small;
  const dataDir = join(small.path, "data");
  const reserve = join(dataDir, "reserve");
  mkdirSync(dataDir);
  writeFileSync(reserve, randomFillSync(Buffer.alloc(DISK_RESERVE_BYTES)));
  const config = defaultConfig({});
  collector = await startCollector(
    { ...config, journal: { ...config.journal, segmentBytes: MIB } },
    { dataDir, httpPort: 0, grpcPort: 0, logger: createLogger("silent") },
  );
  return { dataDir, reserve, small };
}

let nextId = 1;

/** Sends one span with a text of `chars`; gives the status, and Retry-After. */
async function send(chars: number): Promise<{ id: number; status: number; retryAfter: string | null }> {
  const id = nextId++;
  const value = { stringValue: "the copy you keep ".repeat(chars / 18) };
  const span = makeSpan(id, { attributes: [{ key: "text", value }] });
  const response = await fetch(`http://127.0.0.1:${collector?.ports.http}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/x-protobuf" },
    body: Buffer.from(encodeOtlp("traces", makeTraces([span]))),
  });
  await response.arrayBuffer();
  return { id, status: response.status, retryAfter: response.headers.get("retry-after") };
}

async function storedIds(dataDir: string): Promise<number[]> {
  const rows = await queryRows({ dataDir, sql: "SELECT span_id FROM spans ORDER BY span_id" });
  return rows.map(({ span_id: id }) => Number.parseInt(id as string, 16));
}

it.skipIf(probe === undefined)(
  "item 52, item 53: a real disk that fills up: 503 and Retry-After, the reserve lets the mirror go on and free the journal, and requests are taken again without a restart",
  async () => {
    const { dataDir, reserve, small } = await open(192 * MIB);
    small.fillTo(14 * MIB);
    const acknowledged: number[] = [];
    let refused = 0;
    // More than the disk holds, at once: the mirror seals a second later.
    const burst = await Promise.all(Array.from({ length: 60 }, () => send(MIB)));
    for (const { id, retryAfter, status } of burst) {
      if (status === 200) acknowledged.push(id);
      else {
        expect(status).toBe(503);
        expect(Number(retryAfter)).toBeGreaterThan(0);
        refused++;
      }
    }
    expect(acknowledged.length).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
    await collector?.flush(30_000);
    expect(await storedIds(dataDir)).toEqual(acknowledged);
    await expect.poll(async () => (await send(18)).status, { timeout: 30_000, interval: 200 }).toBe(200);
    expect(statSync(reserve).size).toBe(DISK_RESERVE_BYTES);
  },
);

it.skipIf(probe === undefined)(
  "item 53: while the mirror can't write, the journal goes on; when there is space, everything is sealed",
  async () => {
    const { dataDir, reserve } = await open(192 * MIB);
    expect((await send(18)).status).toBe(200);
    await collector?.flush(20_000);
    // Only the mirror can't write: a file stands where the day's folder should be made.
    const day = join(dataDir, "mirror", "spans");
    rmSync(day, { recursive: true });
    writeFileSync(day, "in the way");
    const sent = await Promise.all(Array.from({ length: 5 }, () => send(18)));
    expect(sent.map(({ status }) => status)).toEqual(Array.from({ length: 5 }, () => 200));
    await expect(collector?.flush(1_500)).rejects.toMatchObject({ code: "CF_SEAL_FAILED" });
    expect(existsSync(reserve)).toBe(true);
    expect(readFileSync(day, "utf8")).toBe("in the way");
    rmSync(day);
    await collector?.flush(40_000);
    expect((await storedIds(dataDir)).slice(-5)).toEqual(sent.map(({ id }) => id));
  },
);

it.skipIf(probe === undefined)(
  "item 58: the volume is unmounted under the running collector: nothing is acknowledged that would be gone",
  async () => {
    const { dataDir, small } = await open(192 * MIB);
    expect((await send(18)).status).toBe(200);
    small.detach();
    expect(existsSync(dataDir)).toBe(false);
    expect(await send(18)).toMatchObject({ status: 503 });
  },
);
