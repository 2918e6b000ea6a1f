import type { WireWriter } from "../otlp/wire-writer.js";
import { hasEscape, type RawFields } from "./raw-fields.js";

/** Writes a field's text with its length. It must be a string. */
export function writeRawString(writer: WireWriter, fields: RawFields, at: number): void {
  writeRawText(writer, fields.bytes, fields.start(at), fields.end(at));
}

/** Writes the text that a range with quotes is, with its length: its bytes as they came, unless some are escaped. */
export function writeRawText(writer: WireWriter, bytes: Buffer, start: number, end: number): void {
  if (hasEscape(bytes, start + 1, end - 1)) {
    writer.string(JSON.parse(bytes.toString("utf8", start, end)) as string);
    return;
  }
  writer.copy(bytes, start + 1, end - 1);
  writer.varint(end - start - 2);
}
