import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { encodeOtlp } from "../../../schema/index.js";
import { SealerClient } from "../../../store/seal/sealer-client.js";
import type { StartSealer } from "../../../store/seal/sealer-port.js";
import { MirrorHarness, request, span, spanId, traceId } from "../../support/mirror-harness.js";

const SEAL_INTERVAL_MS = 5;
const READ_BACK_MS = 100;

/** Sealing threads whose recent ids take longer to read back than a file takes to be due. */
const slowToRecall: StartSealer = async (paths, onLog) => {
  const client = await SealerClient.start(paths, onLog);
  const recentIds = client.recentIds.bind(client);
  client.recentIds = async (...given) => {
    await delay(READ_BACK_MS);
    return await recentIds(...given);
  };
  return client;
};

it("seals what waits at a start although reading back the recent ids takes longer than the seal interval", async () => {
  const harness = await MirrorHarness.open({
    start: false,
    sealIntervalMs: SEAL_INTERVAL_MS,
    startSealer: slowToRecall,
  });
  try {
    const payload = encodeOtlp("traces", request(span({ traceId: traceId(1), spanId: spanId(1) })));
    await harness.append({ payload });
    const sealed = new Promise<number>((resolve) => {
      harness.mirror.onSealed((event) => resolve(event.lastSeq));
    });
    await harness.mirror.start(harness.journal.tail());
    expect(await sealed).toBe(1);
  } finally {
    await harness.close();
  }
});
