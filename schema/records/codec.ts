import { CounterfoilError, errorMessage } from "../errors.js";
import type { ChangeRecord, JsonValue, StoredChange } from "./types.js";

/** The payload of one journal record of signal `records`: one JSON object a line, each line ended. */
export function encodeRecords(changes: readonly ChangeRecord[]): Uint8Array {
  const lines = changes.map(({ type, id, op, time, source, data }) =>
    JSON.stringify({ type, id, op, time, source, ...(data === null ? {} : { data }) }),
  );
  return Buffer.from(`${lines.join("\n")}\n`, "utf8");
}

/**
 * The changes of a payload, in order. What this version does not know (types, ops, keys) is kept. Throws
 * CF_RECORD_INVALID when a line is no JSON object with a type, an id and an op.
 */
export function decodeRecords(payload: Uint8Array): StoredChange[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line, index) => decodeLine(line, index));
}

function decodeLine(line: string, index: number): StoredChange {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw invalid(index, errorMessage(error));
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(index, "no JSON object");
  const { type, id, op, time, source, data, ...more } = value as { [key: string]: JsonValue };
  if (typeof type !== "string" || typeof id !== "string" || typeof op !== "string") {
    throw invalid(index, "type, id and op must be texts");
  }
  return {
    type,
    id,
    op,
    time: typeof time === "string" ? time : undefined,
    source: typeof source === "string" ? source : undefined,
    data,
    more: Object.keys(more).length === 0 ? undefined : more,
  };
}

function invalid(index: number, what: string): CounterfoilError {
  return new CounterfoilError(
    "CF_RECORD_INVALID",
    `Line ${index + 1} of a stored change set is damaged: ${what}.`,
  );
}
