// Follows a journal in another thread, as the sealer does. Plain JavaScript on the built journal: threads know no vitest.
import { parentPort, workerData } from "node:worker_threads";
import { openJournalReader } from "../../dist/journal/index.js";

const reader = openJournalReader({ dir: workerData.dir, afterSeq: 0 });
let read = 0;
parentPort.on("message", ({ seq, last }) => {
  let batch;
  do {
    batch = reader.read({ maxBytes: 64 * 1024, upToSeq: seq });
    for (const record of batch.records) {
      const [id] = Buffer.from(record.payload).toString("utf8").split(":");
      if (record.seq !== read + 1 || id !== `r${record.seq}`)
        throw new Error(`seq ${record.seq} holds ${id}`);
      read = record.seq;
    }
    if (batch.gaps.length > 0) throw new Error("a gap");
  } while (batch.records.length > 0);
  if (read !== seq) throw new Error(`told ${seq}, read ${read}`);
  if (last) {
    reader.close();
    parentPort.postMessage({ read, counts: batch.counts });
    parentPort.close();
  }
});
