import { closeSync, fsyncSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { JournalRecord } from "../../journal/index.js";
import { makeDurableFolder, syncFolder } from "./durable-folder.js";

const SEQ_DIGITS = 16;

/**
 * Keeps requests that the sealer can't decode: one file per request, `<seq>.jsonl` with one line in the form that all
 * destinations' dead letters have, so that one tool reads them. Saving a request again overwrites its file.
 */
export class DeadLetterFolder {
  constructor(readonly dir: string) {}

  save(record: JournalRecord, message: string): void {
    makeDurableFolder(this.dir);
    const path = join(this.dir, `${String(record.seq).padStart(SEQ_DIGITS, "0")}.jsonl`);
    const line = JSON.stringify({
      seq: record.seq,
      time: new Date(Number(record.receivedUnixNano / 1_000_000n)).toISOString(),
      signal: record.signal,
      items: record.itemCount,
      reason: "undecodable",
      message,
      processed: true,
      encoding: record.encoding,
      payload_base64: Buffer.from(record.payload).toString("base64"),
    });
    const file = openSync(`${path}.tmp`, "w", 0o600);
    try {
      writeSync(file, `${line}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.tmp`, path);
    syncFolder(this.dir);
  }
}
