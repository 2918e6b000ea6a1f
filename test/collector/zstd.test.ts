import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { unzstdPortable } from "../../collector/ingest/zstd.js";
import { post, startHarness, tracesBody, type Harness } from "./harness.js";

const fixture = (name: string): Buffer =>
  readFileSync(fileURLToPath(new URL(`../fixtures/zstd/${name}`, import.meta.url)));
const MIB = 1024 * 1024;

let harness: Harness | undefined;
afterEach(() => harness?.close());

describe("zstd", () => {
  it.each(["sized.pb.zst", "unsized.pb.zst", "no-checksum.pb.zst"])(
    "item 12: %s, written by the zstd program, is decompressed and stored",
    async (name) => {
      expect(Buffer.from(unzstdPortable(fixture(name), MIB)).equals(tracesBody(200))).toBe(true);
      harness = await startHarness();
      expect((await post(harness, fixture(name), { "content-encoding": "zstd" })).status).toBe(200);
      expect(harness.stored()[0]?.itemCount).toBe(200);
    },
  );

  it("item 10: a zstd bomb is 413", async () => {
    harness = await startHarness();
    const response = await post(harness, fixture("bomb.zst"), { "content-encoding": "zstd" });
    expect(response.status).toBe(413);
    expect(harness.stored()).toEqual([]);
  });

  it("item 11: two frames, a cut at any place, and bytes after the end are refused", async () => {
    const whole = fixture("sized.pb.zst");
    expect(() => unzstdPortable(Buffer.concat([whole, whole]), MIB)).toThrow(/more than one frame/);
    expect(() => unzstdPortable(Buffer.concat([whole, Buffer.from("x")]), MIB)).toThrow(/after its end/);
    for (let size = 0; size < whole.length; size++) {
      expect(() => unzstdPortable(whole.subarray(0, size), MIB), String(size)).toThrow(
        /zstd|invalid|unexpected/i,
      );
    }
    harness = await startHarness();
    const response = await post(harness, whole.subarray(0, 100), { "content-encoding": "zstd" });
    expect(response.status).toBe(400);
  });

  it("a header can't make it reserve a huge window or output", () => {
    const window = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa0, 0x01, 0x00, 0x00]);
    expect(() => unzstdPortable(window, MIB)).toThrow(/window/);
    const size = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0xff, 0xff, 0xff, 0x7f, 0x01, 0x00, 0x00]);
    expect(() => unzstdPortable(size, MIB)).toThrow(/too large/);
    expect(() => unzstdPortable(size, 2 ** 31)).toThrow(/size field/);
  });

  it("damaged bytes never do anything but fail or decompress within the cap", () => {
    const whole = fixture("unsized.pb.zst");
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 }),
        (edits) => {
          const damaged = Buffer.from(whole);
          for (const [at, byte] of edits) damaged[at] = byte;
          try {
            expect(unzstdPortable(damaged, MIB).length).toBeLessThanOrEqual(MIB);
          } catch (error) {
            expect(error).toBeInstanceOf(Error);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
