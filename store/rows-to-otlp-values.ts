import { type AnyValue, CounterfoilError, type KeyValue } from "../schema/index.js";
import type { MirrorRow } from "./mirror-row.js";
import { type LayoutItem, parseLayout, type ValueCode } from "./seal/lift-codes.js";
import { plainJsonToValue } from "./seal/plain-json.js";

/** A string field of a parsed JSON object; "" when absent. */
export function stringOf(fields: readonly KeyValue[], name: string): string {
  return fields.find(({ key }) => key === name)?.value?.stringValue ?? "";
}

/** An integer field of a parsed JSON object; 0 when absent. */
export function numberOf(fields: readonly KeyValue[], name: string): number {
  return Number(fields.find(({ key }) => key === name)?.value?.intValue ?? 0n);
}

/** A list of strings of a parsed JSON object. */
export function stringsOf(fields: readonly KeyValue[], name: string): string[] {
  const list = fields.find(({ key }) => key === name)?.value?.arrayValue?.values ?? [];
  return list.map((item) => item.stringValue ?? "");
}

/** The value that a text of `attributes` (or a text column) stands for; undefined when the attribute had none. */
export function textToValue(code: ValueCode, text: string | null): AnyValue | undefined {
  switch (code) {
    case "v":
      return undefined;
    case "n":
      return {};
    case "s":
      return { stringValue: text ?? "" };
    case "b":
      return { boolValue: text === "true" };
    case "i":
      return { intValue: BigInt(text ?? "0") };
    case "d":
      return { doubleValue: Number(text) };
    case "x":
      return { bytesValue: new Uint8Array(Buffer.from(text ?? "", "base64")) };
    case "a":
    case "m":
      return plainJsonToValue(text ?? "null");
  }
}

/** The attributes of a row, as they were sent, from `attributes`, `attribute_layout` and the columns it names. */
export function rowAttributes(row: MirrorRow): KeyValue[] {
  const layout = row.text("attribute_layout");
  if (layout === null) return [];
  const entries = row.map("attributes").values();
  return parseLayout(layout, row.number("rule_set_version")).map((item) => {
    if (item.lift !== undefined) return keyValue(item.lift.key, liftedValue(row, item));
    const entry = entries.next();
    if (entry.done === true) {
      throw new CounterfoilError(
        "CF_CATALOG_CORRUPT",
        "a mirror row's attribute_layout names more attributes than the row has; the file was changed or is damaged",
      );
    }
    return keyValue(entry.value.key, textToValue(item.code, entry.value.value));
  });
}

function keyValue(key: string, value: AnyValue | undefined): KeyValue {
  return value === undefined ? { key } : { key, value };
}

function liftedValue(row: MirrorRow, item: LayoutItem): AnyValue | undefined {
  const { lift } = item;
  if (lift === undefined) return undefined;
  if (lift.natural === "i") return { intValue: row.integer(lift.column) ?? 0n };
  if (lift.natural === "d") return { doubleValue: row.double(lift.column) ?? 0 };
  return textToValue(item.code, row.text(lift.column));
}
