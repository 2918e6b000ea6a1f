import { afterEach, describe, expect, it } from "vitest";
import { decodeOtlp, encodeOtlp } from "../../schema/index.js";
import {
  type MirrorRow,
  type OtlpSelection,
  readOtlpRows,
  rowsToOtlp,
  rowsToOtlpBytes,
} from "../../store/index.js";
import { MirrorHarness, request, span, spanId, traceId } from "../support/mirror-harness.js";

let open: MirrorHarness[] = [];
afterEach(async () => {
  for (const harness of open) await harness.close();
  open = [];
});

async function harness(): Promise<MirrorHarness> {
  const made = await MirrorHarness.open();
  open.push(made);
  return made;
}

async function read(h: MirrorHarness, selection?: OtlpSelection): Promise<MirrorRow[]> {
  const rows: MirrorRow[] = [];
  for await (const part of readOtlpRows(h.dir, "traces", selection)) rows.push(...part);
  return rows;
}

const names = (rows: readonly MirrorRow[]): (string | null)[] => rows.map((row) => row.text("name"));
const named = (trace: number, id: number, name: string) =>
  request(span({ traceId: traceId(trace), spanId: spanId(id), name }));

describe("reading the mirror as OTLP", () => {
  it("gives one trace, a part of the journal, or everything, in the order received", async () => {
    const h = await harness();
    await h.appendData("traces", named(1, 1, "a"), 1);
    await h.appendData("traces", named(2, 2, "b"), 1);
    await h.mirror.flush(20_000);
    await h.appendData("traces", named(1, 3, "c"), 1);
    await h.mirror.flush(20_000);
    expect(names(await read(h))).toEqual(["a", "b", "c"]);
    expect(names(await read(h, { traceId: traceId(1) }))).toEqual(["a", "c"]);
    expect(names(await read(h, { fromSeq: 2, toSeq: 2 }))).toEqual(["b"]);
    expect(names(await read(h, { fromSeq: 9 }))).toEqual([]);
  });

  it("hides the arrivals that a later one replaced, unless every arrival is asked for", async () => {
    const h = await harness();
    await h.appendData("traces", named(1, 1, "first"), 1);
    await h.appendData("traces", named(1, 1, "second"), 1);
    await h.mirror.flush(20_000);
    expect(names(await read(h))).toEqual(["second"]);
    expect(names(await read(h, { everyArrival: true }))).toEqual(["first", "second"]);
    expect(names(await read(h, { toSeq: 1 }))).toEqual([]);
  });

  it("I4: gives back fields that this version of OTLP does not know, byte for byte", async () => {
    const h = await harness();
    const known = encodeOtlp("traces", named(1, 1, "future"));
    // Field 100, a string, appended to the span: the span is the innermost and last message, so each length grows.
    const field = [0xa2, 0x06, 0x03, 0x6e, 0x65, 0x77];
    const bytes = grown(known, field);
    await h.append({ payload: bytes });
    await h.mirror.flush(20_000);
    const rows = await read(h);
    expect(rowsToOtlp("traces", rows)).toEqual(decodeOtlp("traces", known));
    expect(Buffer.from(rowsToOtlpBytes("traces", rows))).toEqual(Buffer.from(bytes));
  });

  it("refuses a trace id that is none, before it touches a file", async () => {
    const h = await harness();
    await expect(read(h, { traceId: "' OR true --" })).rejects.toMatchObject({ code: "CF_USAGE" });
  });
});

/** A request of one span with a field added at its end: request > resource spans > scope spans > span. */
function grown(bytes: Uint8Array, field: readonly number[]): Uint8Array {
  const out = [...bytes, ...field];
  for (let at = 1, level = 0; level < 3; level++) {
    expect(out[at]).toBeLessThan(128 - field.length);
    out[at] = (out[at] ?? 0) + field.length;
    at += 2;
  }
  return Uint8Array.from(out);
}
