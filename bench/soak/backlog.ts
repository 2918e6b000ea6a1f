import { openJournal } from "../../journal/index.js";
import { dataDirPaths } from "../../store/index.js";
import type { SpanLedger } from "./ledger.js";
import { numberedRequest } from "./numbered-spans.js";

const SPANS_PER_REQUEST = 64;
const TEXT_CHARS = 4_000;
const IN_FLIGHT = 8;

/** Fills a new journal to at least `bytes`, as a server would whose mirror and destinations stand still. */
export async function writeBacklog(dataDir: string, bytes: number, ledger: SpanLedger): Promise<void> {
  const journal = await openJournal({ dir: dataDirPaths(dataDir).journal, bytesMax: bytes * 4 });
  const append = async (): Promise<void> => {
    while (journal.stats().bytes < bytes) {
      const first = ledger.take(SPANS_PER_REQUEST);
      await journal.append({
        signal: "traces",
        encoding: "identity",
        payload: numberedRequest(first, SPANS_PER_REQUEST, TEXT_CHARS),
        itemCount: SPANS_PER_REQUEST,
        receivedUnixNano: BigInt(Date.now()) * 1_000_000n,
      });
      ledger.acknowledge(first, SPANS_PER_REQUEST);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, append));
  await journal.close();
}
