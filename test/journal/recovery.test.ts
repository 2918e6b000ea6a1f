import { expect, test } from "vitest";
import { type JournalEvent, openJournal, openJournalReader } from "../../journal/index.js";
import { MemoryFileSystem } from "../support/memory-file-system.js";
import { appendMany, entry, idOf, readAll } from "./entries.js";

const dir = "/journal";

/** A journal that was closed, as files; 20 records of 112 bytes each in segments of about `segmentBytes`. */
async function written({ records = 20, segmentBytes = 1 << 20, bytes = 40 } = {}): Promise<MemoryFileSystem> {
  const fileSystem = new MemoryFileSystem();
  const journal = await openJournal({ dir, segmentBytes, fileSystem });
  for (let index = 1; index <= records; index++) await journal.append(entry(`r${index}`, { bytes }));
  await journal.close();
  return fileSystem;
}

async function reopened(fileSystem: MemoryFileSystem) {
  const events: JournalEvent[] = [];
  const journal = await openJournal({ dir, fileSystem, logger: (event) => events.push(event) });
  const { seq } = journal.tail();
  return { journal, events, seq, ...readAll(openJournalReader({ dir, afterSeq: 0, fileSystem }), seq) };
}

function path(fileSystem: MemoryFileSystem, index = 0): string {
  const found = fileSystem.paths()[index];
  if (found === undefined) throw new Error(`no segment ${index}`);
  return found;
}

function ids(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `r${from + index}`);
}

function flipped(content: Buffer, position: number, bit = 0): Buffer {
  const changed = Buffer.from(content);
  changed[position] = (changed[position] ?? 0) ^ (1 << bit);
  return changed;
}

test("I1: a last record cut at any byte is dropped, all others stay, and its seq is used again", async () => {
  const fileSystem = await written({ records: 3, bytes: 43 });
  const segment = path(fileSystem);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  const frame = (whole.length - 128) / 3;
  const padding = 8 - (43 % 8);
  for (let cut = 0; cut <= frame; cut++) {
    fileSystem.put(segment, whole.subarray(0, whole.length - cut));
    const { journal, records, gaps } = await reopened(fileSystem);
    // Only padding is missing: the record is whole.
    const kept = cut <= padding ? 3 : 2;
    expect(records.map(idOf)).toEqual(ids(1, kept));
    expect(gaps).toEqual([]);
    expect(await journal.append(entry("next"))).toBe(kept + 1);
    expect(
      readAll(openJournalReader({ dir, afterSeq: kept, fileSystem }), kept + 1).records.map(idOf),
    ).toEqual(["next"]);
    await journal.close();
  }
});

test("a zero-filled tail of any length is the end of the log", async () => {
  const fileSystem = await written({ records: 3 });
  const segment = path(fileSystem);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  for (const zeros of [1, 7, 8, 71, 72, 73, 4_096, 65_537, 1 << 20]) {
    fileSystem.put(segment, Buffer.concat([whole, Buffer.alloc(zeros)]));
    const { journal, records, events } = await reopened(fileSystem);
    expect(records.map(idOf)).toEqual(ids(1, 3));
    expect(events).toContainEqual({
      kind: "tail_truncated",
      path: segment,
      position: whole.length,
      bytes: zeros,
    });
    await journal.close();
    expect(fileSystem.contentOf(segment)).toEqual(whole);
  }
});

test("a garbage tail is the end of the log, even when it is full of frame magics", async () => {
  const fileSystem = await written({ records: 3 });
  const segment = path(fileSystem);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  const garbage = Buffer.alloc(50_000, Buffer.from("CFr1\xff\xff\xff\x7f", "latin1"));
  fileSystem.put(segment, Buffer.concat([whole, garbage]));
  const { journal, records } = await reopened(fileSystem);
  expect(records.map(idOf)).toEqual(ids(1, 3));
  await journal.close();
});

test("a bit flip anywhere in a record with valid ones behind it costs that record alone, and is counted", async () => {
  const fileSystem = await written({ records: 5 });
  const segment = path(fileSystem);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  const frame = (whole.length - 128) / 5;
  const reserved = new Set([68, 69, 70, 71]);
  for (let offset = 0; offset < frame; offset++) {
    if (reserved.has(offset)) continue;
    fileSystem.put(segment, flipped(whole, 128 + frame + offset, offset % 8));
    const { journal, records, gaps, events, counts } = await reopened(fileSystem);
    expect(records.map(idOf), `offset ${offset}`).toEqual(["r1", ...ids(3, 5)]);
    expect(gaps).toEqual([
      { fromSeq: 2, toSeq: 2, counts: { traces: 1, logs: 0, metrics: 0, records: 0 }, reason: "corrupt" },
    ]);
    expect(counts.traces).toBe(5);
    expect(events).toContainEqual({ kind: "quarantined", path: segment, fromSeq: 2, toSeq: 2, bytes: frame });
    await journal.close();
    // Kept in place for whoever wants to look at it.
    expect(fileSystem.contentOf(segment)).toHaveLength(whole.length);
  }
});

test("damage in an older segment is reported with exact counts when it is read; opening does not read it", async () => {
  const fileSystem = await written({ records: 60, segmentBytes: 2_048 });
  const segment = path(fileSystem, 1);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  // From the middle of the segment to its end.
  fileSystem.put(segment, Buffer.concat([whole.subarray(0, whole.length - 400), Buffer.alloc(400)]));
  const { journal, records, gaps, events, counts } = await reopened(fileSystem);
  expect(events).toEqual([]);
  expect(gaps).toHaveLength(1);
  const gap = gaps[0];
  const lost = gap === undefined ? 0 : gap.toSeq - gap.fromSeq + 1;
  expect(gap).toMatchObject({ reason: "corrupt", counts: { traces: lost, logs: 0, metrics: 0, records: 0 } });
  expect(lost).toBe(4);
  expect(records).toHaveLength(60 - lost);
  expect(counts.traces).toBe(60);
  await journal.close();
});

test("a payload that holds a whole valid frame of another journal is not taken for a record", async () => {
  const other = await written({ records: 9, bytes: 200 });
  const hostile = other.contentOf(path(other)).subarray(128);
  const fileSystem = new MemoryFileSystem();
  const first = await openJournal({ dir, fileSystem });
  await first.append(entry("r1"));
  await first.append(entry("", { payload: hostile }));
  await first.append(entry("r3"));
  await first.close();
  const segment = path(fileSystem);
  // Damage the header of the hostile record, so that the search goes through its payload.
  fileSystem.put(segment, flipped(fileSystem.contentOf(segment), 128 + 112 + 4));
  const { journal, records, gaps } = await reopened(fileSystem);
  expect(records.map(idOf)).toEqual(["r1", "r3"]);
  expect(gaps.map((gap) => [gap.fromSeq, gap.toSeq])).toEqual([[2, 2]]);
  await journal.close();
});

test("a record that was overwritten by an older one of the same journal is not read twice", async () => {
  const fileSystem = await written({ records: 5 });
  const segment = path(fileSystem);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  const frame = (whole.length - 128) / 5;
  whole.copy(whole, 128 + 3 * frame, 128 + frame, 128 + 2 * frame);
  fileSystem.put(segment, whole);
  const { journal, records, gaps } = await reopened(fileSystem);
  expect(records.map(idOf)).toEqual(["r1", "r2", "r3", "r5"]);
  expect(gaps.map((gap) => [gap.fromSeq, gap.toSeq, gap.reason])).toEqual([[4, 4, "corrupt"]]);
  await journal.close();
});

test("damage at the very end is reported once a record stands behind it", async () => {
  const fileSystem = new MemoryFileSystem();
  const journal = await openJournal({ dir, fileSystem });
  await appendMany(journal, 3);
  const reader = openJournalReader({ dir, afterSeq: 0, fileSystem });
  const segment = path(fileSystem);
  const content = fileSystem.contentOf(segment);
  content[content.length - 1] = 0xff;
  expect(readAll(reader, 3)).toMatchObject({ lastSeq: 2, gaps: [] });
  await journal.append(entry("r4"));
  expect(reader.read({ maxBytes: 1_000, upToSeq: 4 })).toMatchObject({
    gaps: [{ fromSeq: 3, toSeq: 3, reason: "corrupt", counts: { traces: 1 } }],
    records: [{ seq: 4 }],
    counts: { traces: 4 },
  });
  await journal.close();
});

test("a segment missing in the middle is a counted gap, and the log says so", async () => {
  const fileSystem = await written({ records: 60, segmentBytes: 2_048 });
  const [, second, third] = fileSystem.paths();
  if (second === undefined || third === undefined) throw new Error("too few segments");
  fileSystem.remove(second);
  const { journal, records, gaps, events, counts } = await reopened(fileSystem);
  const fromSeq = Number(second.slice(-20, -4));
  const toSeq = Number(third.slice(-20, -4)) - 1;
  expect(events).toEqual([{ kind: "segment_missing", path: third, fromSeq, toSeq }]);
  expect(gaps).toEqual([
    {
      fromSeq,
      toSeq,
      counts: { traces: toSeq - fromSeq + 1, logs: 0, metrics: 0, records: 0 },
      reason: "corrupt",
    },
  ]);
  expect(records).toHaveLength(60 - (toSeq - fromSeq + 1));
  expect(counts.traces).toBe(60);
  await journal.close();
});

interface Refusal {
  readonly title: string;
  readonly code: string;
  readonly message: RegExp;
  readonly spoil: (fileSystem: MemoryFileSystem) => Promise<void>;
}

const refusals: Refusal[] = [
  {
    title: "a renamed segment",
    code: "CF_JOURNAL_CORRUPT",
    message: /0000000009-.*was renamed.*header says it is 0000000002-/s,
    spoil: async (fileSystem) => {
      const second = path(fileSystem, 1);
      fileSystem.put(second.replace("/0000000002-", "/0000000009-"), fileSystem.contentOf(second));
      fileSystem.remove(second);
    },
  },
  {
    title: "a segment of another journal",
    code: "CF_JOURNAL_CORRUPT",
    message: /belongs to another journal/,
    spoil: async (fileSystem) => {
      const other = await written({ records: 60, segmentBytes: 2_048 });
      fileSystem.put(path(fileSystem, 1), other.contentOf(path(other, 1)));
    },
  },
  {
    title: "a segment from a newer version",
    code: "CF_JOURNAL_VERSION",
    message: /journal format 3; this version reads up to 2/,
    spoil: async (fileSystem) => {
      const content = Buffer.from(fileSystem.contentOf(path(fileSystem, 1)));
      content.writeUInt32LE(3, 8);
      fileSystem.put(path(fileSystem, 1), content);
    },
  },
  {
    title: "a damaged header",
    code: "CF_JOURNAL_CORRUPT",
    message: /damaged header/,
    spoil: async (fileSystem) => {
      const last = fileSystem.paths().length - 1;
      fileSystem.put(path(fileSystem, last), flipped(fileSystem.contentOf(path(fileSystem, last)), 41));
    },
  },
];

for (const { title, code, message, spoil } of refusals) {
  test(`opening refuses ${title}, names the file and changes nothing`, async () => {
    const fileSystem = await written({ records: 60, segmentBytes: 2_048 });
    await spoil(fileSystem);
    const before = fileSystem.paths().map((name) => [name, Buffer.from(fileSystem.contentOf(name))]);
    const failure = await openJournal({ dir, fileSystem }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code });
    expect(String(failure)).toMatch(message);
    expect(fileSystem.paths().map((name) => [name, fileSystem.contentOf(name)])).toEqual(before);
  });
}

test("a segment whose creation was cut short by a crash is removed, whatever is in its header", async () => {
  const fileSystem = await written({ records: 5 });
  const name = `${dir}/0000000002-0000000000000006.cfj`;
  for (const content of [Buffer.alloc(0), Buffer.alloc(128), Buffer.from("CFJOURNL"), Buffer.alloc(100, 1)]) {
    fileSystem.put(name, content);
    const { journal, records, events } = await reopened(fileSystem);
    expect(events).toEqual([{ kind: "unused_segment_removed", path: name }]);
    expect(records.map(idOf)).toEqual(ids(1, 5));
    await journal.close();
  }
});

test("atLeast: a journal whose files were lost goes on after the cursors and never gives a seq out twice", async () => {
  const fileSystem = new MemoryFileSystem();
  const atLeast = { seq: 500, counts: { traces: 900, logs: 10, metrics: 0, records: 0 } };
  const journal = await openJournal({ dir, fileSystem, atLeast });
  journal.setCursor("mirror", 500);
  expect(await journal.append(entry("r501"))).toBe(501);
  expect(journal.tail().counts).toEqual({ traces: 901, logs: 10, metrics: 0, records: 0 });
  const behind = readAll(
    openJournalReader({
      dir,
      afterSeq: 499,
      counts: { traces: 899, logs: 10, metrics: 0, records: 0 },
      fileSystem,
    }),
    501,
  );
  expect(behind.gaps).toEqual([
    { fromSeq: 500, toSeq: 500, counts: { traces: 1, logs: 0, metrics: 0, records: 0 }, reason: "trimmed" },
  ]);
  expect(behind.records.map(idOf)).toEqual(["r501"]);
  await journal.close();
});

test("a gap that the limit of a read cuts in two is counted once", async () => {
  const fileSystem = new MemoryFileSystem();
  const atLeast = { seq: 100, counts: { traces: 250, logs: 0, metrics: 0, records: 0 } };
  const journal = await openJournal({ dir, fileSystem, atLeast });
  await journal.append(entry("r101"));
  const reader = openJournalReader({ dir, afterSeq: 0, fileSystem });
  expect(reader.read({ maxBytes: 1, upToSeq: 30 })).toMatchObject({ lastSeq: 30, counts: { traces: 0 } });
  const rest = reader.read({ maxBytes: 1, upToSeq: 101 });
  expect(rest.gaps).toMatchObject([{ fromSeq: 31, toSeq: 100, counts: { traces: 250 }, reason: "trimmed" }]);
  expect(rest).toMatchObject({ lastSeq: 101, counts: { traces: 251 } });
  await journal.close();
});

test("the chain shows a record that was replaced by another valid one of the same seq", async () => {
  const fileSystem = await written({ records: 1 });
  const other = fileSystem.afterKill();
  for (const [disk, prefix] of [
    [fileSystem, "a"],
    [other, "b"],
  ] as const) {
    const journal = await openJournal({ dir, fileSystem: disk });
    for (let seq = 2; seq <= 4; seq++) await journal.append(entry(`${prefix}${seq}`));
    await journal.close();
  }
  const segment = path(fileSystem);
  const content = Buffer.from(fileSystem.contentOf(segment));
  other.contentOf(segment).copy(content, 240, 240, 352);
  fileSystem.put(segment, content);
  const { journal, gaps } = await reopened(fileSystem);
  expect(gaps).toMatchObject([{ fromSeq: 3, toSeq: 3, reason: "corrupt" }]);
  await journal.close();
});

test("I1: a stale record behind damage does not move the end of the log back", async () => {
  const fileSystem = await written({ records: 4 });
  const segment = path(fileSystem);
  const whole = Buffer.from(fileSystem.contentOf(segment));
  const frame = (whole.length - 128) / 4;
  const at = (seq: number): Buffer => whole.subarray(128 + (seq - 1) * frame, 128 + seq * frame);
  const kept = whole.subarray(0, 128 + 2 * frame);
  // A disk that mixed up its sectors: the third record is gone, the first one stands in the place of the fourth.
  fileSystem.put(segment, Buffer.concat([kept, Buffer.alloc(frame), at(1)]));
  const { journal, records, seq } = await reopened(fileSystem);
  expect(seq).toBe(2);
  expect(records.map(idOf)).toEqual(["r1", "r2"]);
  expect(await journal.append(entry("next"))).toBe(3);
  await journal.close();
});
