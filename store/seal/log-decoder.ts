import {
  anyValueToText,
  decodeMessage,
  evaluationsOfLog,
  logEventName,
  type LogRecord,
  normaliseLogRecord,
  type PriceTable,
  type StoredChange,
} from "../../schema/index.js";
import { AnyJsonWriter } from "./any-json.js";
import type { ColumnBatch } from "./column-batch.js";
import { EnvelopeWalker } from "./envelope.js";
import { LogContentRows } from "./log-content-rows.js";
import { codeOf, isExactValue, ObjectRows } from "./object-rows.js";
import { isPlainMessage } from "./plain-message.js";
import { IN_SCRATCH } from "./scratch.js";
import type { RecordDecoder, RecordOrigin } from "./record-decoder.js";
import { SurroundingsReader } from "./surroundings.js";
import { WireReader } from "./wire.js";

/**
 * Decodes ExportLogsServiceRequests into a batch of `span_logs`, one object per record. What records say of their spans
 * gathers in `content`.
 */
export class LogDecoder implements RecordDecoder {
  readonly #reader = new WireReader();
  readonly #walker: EnvelopeWalker;
  readonly #rows: ObjectRows;
  readonly #c;
  #origin: RecordOrigin = { seq: 0, receivedUnixNano: 0n };
  #index = 0;
  #evaluations: StoredChange[] = [];
  readonly content = new LogContentRows();
  #contentBefore = 0;
  readonly #surroundings = new SurroundingsReader(this.#reader);

  constructor(readonly batch: ColumnBatch) {
    this.#walker = new EnvelopeWalker(batch, this.#reader, new AnyJsonWriter(this.#reader, batch.scratch));
    this.#rows = new ObjectRows(batch);
    this.#c = {
      traceId: batch.text("trace_id"),
      spanId: batch.text("span_id"),
      time: batch.fixed("time"),
      observedTime: batch.fixed("observed_time"),
      eventName: batch.text("event_name"),
      severityNumber: batch.fixed("severity_number"),
      severityText: batch.text("severity_text"),
      body: batch.text("body"),
      bodyType: batch.text("body_type"),
      attributes: batch.map("attributes"),
      layout: batch.text("attribute_layout"),
      dropped: batch.fixed("dropped_attributes_count"),
      flags: batch.fixed("flags"),
      source: batch.text("source"),
      receivedAt: batch.fixed("received_at"),
      seq: batch.fixed("seq"),
      seqIndex: batch.fixed("seq_index"),
      raw: batch.text("raw"),
    };
  }

  decode(start: number, end: number, origin: RecordOrigin): number {
    const first = this.batch.rows;
    this.#origin = origin;
    this.#index = 0;
    this.#evaluations = [];
    this.#contentBefore = this.content.length;
    this.#walker.walk(start, end, this.#onRecord);
    return this.batch.rows - first;
  }

  usePrices(table: PriceTable): void {
    this.content.usePrices(table);
  }

  evaluations(): readonly StoredChange[] {
    return this.#evaluations;
  }

  rollback(): void {
    this.content.rollback(this.#contentBefore);
  }

  /** Notes what the record says of its span. */
  #note(record: LogRecord): void {
    if (record.spanId === "" || record.traceId === "" || logEventName(record) === "") return;
    const { scope, resource } = this.#surroundings.at(this.#walker);
    const content = normaliseLogRecord(record, scope, resource);
    if (content === undefined) return;
    const { seq, receivedUnixNano } = this.#origin;
    this.content.add(record, content, { seq, receivedUnixNano, seqIndex: this.#index });
  }

  readonly #onRecord = (start: number, end: number, fieldStart: number): void => {
    const reader = this.#reader;
    const plain = isPlainMessage("LogRecord", reader, start, end);
    const record = decodeMessage("LogRecord", reader.bytes.subarray(start, end));
    this.#evaluations.push(...evaluationsOfLog(record));
    const row = this.batch.addRow();
    this.#note(record);
    const filled = this.#fill(row, record);
    if (!plain || !filled || !this.#walker.exact) {
      const from = this.batch.scratch.length;
      this.#c.raw.set(row, from + IN_SCRATCH, this.#walker.cutOut(fieldStart, end));
    }
    reader.pos = end;
  };

  #fill(row: number, record: LogRecord): boolean {
    const c = this.#c;
    const rows = this.#rows;
    let exact = rows.attributes(c.attributes, c.layout, row, record.attributes);
    if (!rows.time(c.time, row, record.timeUnixNano)) exact = false;
    if (!rows.time(c.observedTime, row, record.observedTimeUnixNano)) exact = false;
    rows.text(c.traceId, row, record.traceId);
    rows.text(c.spanId, row, record.spanId);
    if (record.eventName !== "") rows.text(c.eventName, row, record.eventName);
    else {
      // The column also takes the older attribute; which one it was shows in `attributes`.
      const older = record.attributes.find(({ key }) => key === "event.name")?.value?.stringValue;
      if (older !== undefined) rows.text(c.eventName, row, older);
    }
    if (record.severityNumber !== 0) c.severityNumber.setInt32(row, record.severityNumber);
    rows.text(c.severityText, row, record.severityText);
    if (record.body !== undefined) {
      this.batch.putText(c.bodyType, row, codeOf(record.body));
      if (codeOf(record.body) !== "n") this.batch.putText(c.body, row, anyValueToText(record.body));
      if (!isExactValue(record.body)) exact = false;
    }
    // Both names set and different from each other: fine. The same name twice can't be told from one.
    const named = record.attributes.some(({ key }) => key === "event.name");
    if (named && record.eventName !== "") exact = false;
    if (record.droppedAttributesCount !== 0) c.dropped.setNumber(row, record.droppedAttributesCount);
    if (record.flags !== 0) c.flags.setNumber(row, record.flags);
    this.batch.putText(c.source, row, "otlp");
    c.receivedAt.setBigInt(row, this.#origin.receivedUnixNano);
    c.seq.setNumber(row, this.#origin.seq);
    c.seqIndex.setInt32(row, this.#index++);
    return exact;
  }
}
