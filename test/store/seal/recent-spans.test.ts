import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RecentSpans } from "../../../store/seal/recent-spans.js";
import { SpanIdCollector } from "../../../store/seal/span-ids.js";

interface Row {
  readonly id: number;
  readonly hasEnd: boolean;
}

const hex = (n: number, digits: number): string => n.toString(16).padStart(digits, "0");

/** The rows of one request as the sealer hands them over. */
function pack(seq: number, rows: readonly Row[]): ReturnType<SpanIdCollector["take"]> {
  const collector = new SpanIdCollector();
  for (const [seqIndex, { id, hasEnd }] of rows.entries()) {
    collector.addRow(hex(id >> 2, 32), hex(id, 16), { seq, seqIndex, hasEnd });
  }
  return collector.take();
}

/** The rule, plainly: of all rows of a span the ended ones count before the open ones, then the latest. */
function winnerOf(
  rows: readonly { seq: number; seqIndex: number; hasEnd: boolean }[],
): { seq: number; seqIndex: number } | undefined {
  const ended = rows.filter((row) => row.hasEnd);
  const last = (ended.length > 0 ? ended : rows).at(-1);
  return last === undefined ? undefined : { seq: last.seq, seqIndex: last.seqIndex };
}

const row = fc.record({ id: fc.nat({ max: 30 }), hasEnd: fc.boolean() });

describe("the memory of recent spans", () => {
  it("names the winner of every span that came before, for any arrivals", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(row, { maxLength: 12 }), { maxLength: 12 }), async (requests) => {
        const recent = new RecentSpans(1_000);
        const arrived = new Map<number, { seq: number; seqIndex: number; hasEnd: boolean }[]>();
        const latest = new Map<string, { seq: number; seqIndex: number }>();
        for (const [index, rows] of requests.entries()) {
          for (const { spanId, seq, seqIndex } of await recent.add(pack(index + 1, rows)))
            latest.set(spanId, { seq, seqIndex });
          for (const [seqIndex, { id, hasEnd }] of rows.entries()) {
            arrived.set(id, [...(arrived.get(id) ?? []), { seq: index + 1, seqIndex, hasEnd }]);
          }
        }
        for (const [id, list] of arrived) {
          expect(latest.get(hex(id, 16))).toEqual(list.length > 1 ? winnerOf(list) : undefined);
        }
      }),
    );
  });

  it("takes the same row once more for a redo, not for a duplicate", async () => {
    const recent = new RecentSpans(100);
    const rows = [{ id: 1, hasEnd: true }];
    expect(await recent.add(pack(1, rows))).toEqual([]);
    expect(await recent.add(pack(1, rows))).toEqual([]);
  });

  it("I9: forgets the oldest beyond its bound, and no sooner than after half of it", async () => {
    const recent = new RecentSpans(100);
    const arrive = async (id: number, seq: number): Promise<number> =>
      (await recent.add(pack(seq, [{ id, hasEnd: true }]))).length;
    for (let id = 1; id <= 1_000; id++) await arrive(id, id);
    expect(await arrive(1, 2_000)).toBe(0);
    for (let id = 960; id < 1_000; id++) expect(await arrive(id, 3_000 + id)).toBe(1);
  });

  it("I8: lets the event loop turn while it takes up a request of very many spans", async () => {
    const rows = Array.from({ length: 100_000 }, (_, id) => ({ id: id + 1, hasEnd: true }));
    let turns = 0;
    let adding = true;
    const turn = (): void => {
      turns++;
      if (adding) setImmediate(turn);
    };
    setImmediate(turn);
    await new RecentSpans(1 << 18).add(pack(1, rows));
    adding = false;
    expect(turns).toBeGreaterThan(3);
  });
});
