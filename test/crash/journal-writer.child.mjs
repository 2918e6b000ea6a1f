// Appends for ever and prints each acknowledged record as "seq id"; the test kills it. Plain JavaScript, because it runs
// outside vitest, on the built journal.
import { writeSync } from "node:fs";
import { openJournal } from "../../dist/journal/index.js";

const [dir, round] = process.argv.slice(2);
const IN_FLIGHT = 24;

const journal = await openJournal({ dir, segmentBytes: 256 * 1024 });
let next = 1;

async function appendForEver() {
  for (;;) {
    const id = `${round}-${next++}`;
    const payload = Buffer.from(`${id}:`.padEnd(50 + ((next * 7919) % 4_000), "."));
    const seq = await journal.append({
      signal: "traces",
      encoding: "identity",
      payload,
      itemCount: 1,
      receivedUnixNano: BigInt(Date.now()) * 1_000_000n,
    });
    writeSync(1, `${seq} ${id}\n`);
  }
}

await Promise.all(Array.from({ length: IN_FLIGHT }, appendForEver));
