import { createBatch, type ExportBatch, type ExportPart, type PartBody } from "./exporter.js";
import { sliceItems } from "./items.js";
import { partData } from "./payload.js";
import { recordLines, recordsBody } from "./record-lines.js";

/**
 * Two halves of a batch, or undefined when it holds a single item. Between records first, then inside the one record
 * left, which is decoded for it. Throws CF_OTLP_MALFORMED when that record can't be decoded.
 */
export function splitBatch(batch: ExportBatch): [ExportBatch, ExportBatch] | undefined {
  const { signal, parts } = batch;
  if (parts.length > 1) {
    const middle = Math.ceil(parts.length / 2);
    return [createBatch(signal, parts.slice(0, middle)), createBatch(signal, parts.slice(middle))];
  }
  const [part] = parts;
  if (part === undefined || part.itemCount < 2) return undefined;
  const slice = slicer(signal, part);
  const middle = Math.ceil(part.itemCount / 2);
  const half = (from: number, to: number): ExportBatch => {
    const bytes = Math.ceil((part.bytes * (to - from)) / part.itemCount);
    const half = { entry: part.entry, itemCount: to - from, bytes, body: slice(from, to) };
    return createBatch(signal, [half]);
  };
  return [half(0, middle), half(middle, part.itemCount)];
}

/** Cuts some items out of a part, which is decoded once. */
function slicer(signal: ExportBatch["signal"], part: ExportPart): (from: number, to: number) => PartBody {
  if (signal === "records") {
    const lines = recordLines(part.body);
    return (from, to) => recordsBody(lines.slice(from, to));
  }
  const data = partData(signal, part);
  return (from, to) => ({ kind: "data", data: sliceItems(signal, data, from, to) });
}
