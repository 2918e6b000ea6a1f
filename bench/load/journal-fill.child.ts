import { setTimeout as sleep } from "node:timers/promises";
import { openJournal } from "../../journal/index.js";
import { loadBodies, type BodySet } from "./bodies.js";
import { FreshBody } from "./freshen.js";

/**
 * A process that only journals, by the product's own journal, until it is killed: what a crash leaves when nothing was
 * sealed. Arguments: the journal's folder, the body set as JSON, spans to write, and days of the past that they are
 * spread over (0: everything now).
 */
const [dir = "", set = "{}", spans = "0", days = "0"] = process.argv.slice(2);
const IN_FLIGHT = 16;
const DAY_MS = 86_400_000;

async function fill(): Promise<void> {
  const bodies = loadBodies(JSON.parse(set) as BodySet);
  const journal = await openJournal({ dir });
  // A destination that has passed nothing: the journal must keep everything.
  journal.setCursor("mirror", 0);
  const fresh = bodies.map((body) => new FreshBody(Buffer.from(body.bytes), body, (offset) => offset));
  let next = 0;
  let written = 0;
  const writer = async (): Promise<void> => {
    while (written < Number(spans)) {
      const index = next++ % bodies.length;
      const [body, payload] = [bodies[index], fresh[index]];
      if (body === undefined || payload === undefined) return;
      const nowMs = Date.now() - Number(days) * DAY_MS * (1 - written / Number(spans));
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
