import { setTimeout as sleep } from "node:timers/promises";
import { openJournal } from "../../journal/index.js";
import { loadBodies, type BodySet } from "./bodies.js";
import type { JournalFill } from "./fill-journal.js";
import { FreshBody } from "./freshen.js";

/**
 * A process that only journals, by the product's own journal, until it is killed: what a crash leaves when nothing was
 * sealed. Arguments: the journal's folder, the body set and the {@link JournalFill}, both as JSON.
 */
const [dir = "", set = "{}", fillText = "{}"] = process.argv.slice(2);
const { spans, days = 0, endDaysAgo = 0, after } = JSON.parse(fillText) as JournalFill;
const IN_FLIGHT = 16;
const DAY_MS = 86_400_000;

async function fill(): Promise<void> {
  const bodies = loadBodies(JSON.parse(set) as BodySet);
  const atLeast =
    after === undefined ? {} : { atLeast: { seq: after.sealedSeq, counts: after.sealedCounts } };
  const journal = await openJournal({ dir, ...atLeast });
  // A destination that has passed nothing: the journal must keep everything.
  journal.setCursor("mirror", after?.sealedSeq ?? 0);
  const fresh = bodies.map((body) => new FreshBody(Buffer.from(body.bytes), body, (offset) => offset));
  let next = 0;
  let written = 0;
  const writer = async (): Promise<void> => {
    while (written < spans) {
      const index = next++ % bodies.length;
      const [body, payload] = [bodies[index], fresh[index]];
      if (body === undefined || payload === undefined) return;
      const nowMs = Date.now() - DAY_MS * (endDaysAgo + days * (1 - written / spans));
      written += body.spans;
      payload.freshen(nowMs);
      await journal.append({
        signal: "traces",
        encoding: "identity",
        payload: payload.bytes,
        itemCount: body.spans,
        receivedUnixNano: BigInt(Math.floor(nowMs)) * 1_000_000n,
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, bodies.length) }, writer));
  process.send?.({ spans: journal.tail().counts.traces, bytes: journal.stats().bytes });
  // No close: the parent kills this process.
  await sleep(2 ** 30);
}

void fill();
