import type { WireWriter } from "../otlp/wire-writer.js";
import { hasEscape, type RawFields } from "./raw-fields.js";

/** Writes a field's text with its length: its bytes as they came, unless some are escaped. It must be a string. */
export function writeRawString(writer: WireWriter, fields: RawFields, at: number): void {
  const { bytes } = fields;
  const start = fields.start(at) + 1;
  const end = fields.end(at) - 1;
  if (hasEscape(bytes, start, end)) {
    writer.string(JSON.parse(fields.json(at)) as string);
    return;
  }
  writer.copy(bytes, start, end);
  writer.varint(end - start);
}
