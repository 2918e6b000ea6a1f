import { afterEach, expect, it } from "vitest";
import { createMirrorDestination } from "../../../exporters/index.js";
import { encodeOtlp } from "../../../schema/index.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";

let harness: MirrorHarness | undefined;
afterEach(async () => harness?.close());

it("I2: the mirror is a destination like any other: cursor, and accepted = delivered + waiting + dead letters", async () => {
  harness = await MirrorHarness.open({ start: false });
  const destination = createMirrorDestination(harness.mirror);
  const cursors: number[] = [];
  destination.onCursor((seq) => cursors.push(seq));
  await destination.start(harness.journal.tail());
  await harness.append({
    payload: encodeOtlp("traces", request(span({ traceId: traceId(1), spanId: spanId(1) }))),
  });
  await harness.append({ payload: Buffer.from([7]), itemCount: 2 });
  await destination.flush(20_000);
  expect(cursors.at(-1)).toBe(2);
  expect(destination.stats()).toMatchObject({
    name: "mirror",
    state: "running",
    cursorSeq: 2,
    accepted: { traces: 3, logs: 0, metrics: 0, records: 0 },
    delivered: { traces: 1, logs: 0, metrics: 0, records: 0 },
    waiting: { traces: 0, logs: 0, metrics: 0, records: 0 },
    filtered: {},
    deadLetter: { undecodable: { traces: 2, logs: 0, metrics: 0, records: 0 } },
  });
  await destination.shutdown(5_000);
  expect(destination.stats().state).toBe("stopped");
});
