import { type ChangeRecord, encodeRecords, type JsonObject } from "../../schema/index.js";
import type { MirrorHarness } from "./mirror-harness.js";

/** A put of a feedback, or of another type. */
export function put(id: string, data: JsonObject, given: Partial<ChangeRecord> = {}): ChangeRecord {
  const time = "2026-11-23T06:00:00.5Z";
  return { type: "feedback", id, op: "put", time, source: "api", data, ...given };
}

/** A delete of a feedback. */
export function remove(id: string): ChangeRecord {
  return { type: "feedback", id, op: "delete", time: "2026-11-23T07:00:00Z", source: "api", data: null };
}

/** Appends one change set. */
export function appendChanges(harness: MirrorHarness, changes: readonly ChangeRecord[]): Promise<number> {
  return harness.append({ signal: "records", payload: encodeRecords(changes), itemCount: changes.length });
}
