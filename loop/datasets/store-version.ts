import {
  CounterfoilError,
  type ChangeRecord,
  DATASET_CHANGE_BYTES_MAX,
  encodeRecords,
} from "../../schema/index.js";
import type { ImportDoor } from "../../store/index.js";

/**
 * Makes changes of examples durable as one journal record: a crash leaves all of them, and so one new version, or nothing.
 * Resolves when the mirror shows them. Throws CF_RECORD_INVALID when they are more than fit, with nothing stored.
 */
export async function storeVersion(door: ImportDoor, changes: readonly ChangeRecord[]): Promise<void> {
  if (changes.length === 0) return;
  const payload = encodeRecords(changes);
  if (payload.length > DATASET_CHANGE_BYTES_MAX) {
    throw new CounterfoilError(
      "CF_RECORD_INVALID",
      `The ${changes.length} changes have ${payload.length} bytes; at most ${DATASET_CHANGE_BYTES_MAX} go in as one version. Nothing was stored.`,
    );
  }
  await door.append([{ signal: "records", payload, itemCount: changes.length, receivedUnixNano: undefined }]);
  await door.settle();
}
