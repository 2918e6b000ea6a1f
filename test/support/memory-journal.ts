import { copyCounts } from "../../exporters/core/counts.js";
import { addCounts, subtractCounts, zeroCounts } from "../../journal/index.js";
import type {
  ItemCounts,
  JournalBatch,
  JournalGap,
  JournalReader,
  JournalRecord,
  JournalTail,
} from "../../journal/index.js";
import { encodeOtlp, type JournalSignal, type Span, type TracesData } from "../../schema/index.js";

/** A journal in memory for tests of readers: records can be trimmed and damaged. */
export class MemoryJournal {
  readonly #records: JournalRecord[] = [];
  readonly #after: ItemCounts[] = [];
  readonly #corrupt = new Set<number>();
  #trimmedTo = 0;

  tail(): JournalTail {
    return { seq: this.#records.length, counts: this.countsAt(this.#records.length) };
  }

  countsAt(seq: number): ItemCounts {
    return copyCounts(this.#after[seq - 1] ?? zeroCounts());
  }

  append(signal: JournalSignal, payload: Uint8Array, itemCount: number): number {
    const seq = this.#records.length + 1;
    this.#records.push({ seq, signal, encoding: "identity", payload, itemCount, receivedUnixNano: 0n });
    const counts = this.countsAt(seq - 1);
    counts[signal] += itemCount;
    this.#after.push(counts);
    return seq;
  }

  /** Appends one record of spans with these names. */
  appendSpans(names: readonly string[]): number {
    return this.append(
      "traces",
      encodeOtlp("traces", tracesOf(names.map((name) => spanNamed(name)))),
      names.length,
    );
  }

  trimTo(seq: number): void {
    this.#trimmedTo = Math.max(this.#trimmedTo, seq);
  }

  corrupt(seq: number): void {
    this.#corrupt.add(seq);
  }

  readonly openReader = (afterSeq: number, counts: ItemCounts): JournalReader => {
    let last = afterSeq;
    let known = copyCounts(counts);
    return {
      read: ({ maxBytes, upToSeq }): JournalBatch => {
        const records: JournalRecord[] = [];
        const gaps: JournalGap[] = [];
        let bytes = 0;
        const gap = (toSeq: number, reason: JournalGap["reason"]): void => {
          const lost = subtractCounts(this.countsAt(toSeq), known);
          gaps.push({ fromSeq: last + 1, toSeq, counts: lost, reason });
          known = addCounts(known, lost);
          last = toSeq;
        };
        while (last < Math.min(upToSeq, this.#records.length)) {
          if (last < this.#trimmedTo) {
            gap(Math.min(this.#trimmedTo, upToSeq), "trimmed");
            continue;
          }
          if (this.#corrupt.has(last + 1)) {
            gap(last + 1, "corrupt");
            continue;
          }
          const record = this.#records[last];
          if (record === undefined) break;
          if (records.length > 0 && bytes + record.payload.byteLength > maxBytes) break;
          bytes += record.payload.byteLength;
          records.push(record);
          last = record.seq;
          known = this.countsAt(last);
        }
        return { records, gaps, counts: copyCounts(known), lastSeq: last };
      },
      place: () => undefined,
      close() {},
    };
  };
}

let nextSpan = 1;

/** A span that validators accept, with a fresh id. */
export function spanNamed(name: string, over: Partial<Span> = {}): Span {
  const id = (nextSpan++).toString(16).padStart(16, "0");
  return {
    traceId: `${id}${id}`,
    spanId: id,
    traceState: "",
    parentSpanId: "",
    flags: 1,
    name,
    kind: 1,
    startTimeUnixNano: 1_795_417_903_266_000_000n,
    endTimeUnixNano: 1_795_417_903_276_000_000n,
    attributes: [],
    droppedAttributesCount: 0,
    events: [],
    droppedEventsCount: 0,
    links: [],
    droppedLinksCount: 0,
    ...over,
  };
}

/** Spans in one resource and scope. */
export function tracesOf(spans: Span[]): TracesData {
  return {
    resourceSpans: [
      {
        resource: {
          attributes: [{ key: "service.name", value: { stringValue: "test" } }],
          droppedAttributesCount: 0,
          entityRefs: [],
        },
        scopeSpans: [
          {
            scope: { name: "test", version: "", attributes: [], droppedAttributesCount: 0 },
            spans,
            schemaUrl: "",
          },
        ],
        schemaUrl: "",
      },
    ],
  };
}

/** All spans of a request, flattened. */
export function spansOf(data: TracesData): Span[] {
  return data.resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans));
}
