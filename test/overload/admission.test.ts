import { connect } from "node:http2";
import { afterEach, describe, expect, it } from "vitest";
import { Admission } from "../../collector/ingest/admission.js";
import { decodeStatus } from "../../schema/index.js";
import { post, startHarness, tracesBody, type Harness } from "../collector/harness.js";
import { NormalClient } from "./beside.js";

const KIB = 1024;
let harness: Harness;

const BODY = Buffer.from(
  tracesBody(1, { attributes: [{ key: "fill", value: { stringValue: "x".repeat(16 * KIB) } }] }),
);

/** Answered requests in `ms`, from clients that never rest for long. */
async function goodput(clients: number, ms: number): Promise<{ accepted: number; refused: number }> {
  const until = performance.now() + ms;
  let accepted = 0;
  let refused = 0;
  const run = async (): Promise<void> => {
    const client = new NormalClient(harness.http.port);
    while (performance.now() < until) {
      const status = await client.send(BODY);
      if (status === 200) accepted += 1;
      else {
        expect(status).toBe(429);
        refused += 1;
        // Ten times what fits, and not what a processor can refuse.
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    client.close();
  };
  await Promise.all(Array.from({ length: clients }, run));
  return { accepted, refused };
}

describe("overload", () => {
  afterEach(() => harness.close());

  it("item 75: at ten times what fits, as much is stored as before; the rest is refused, and all is accounted for", async () => {
    // A disk of which each write takes 100 ms, so that it is the limit here and not the processor.
    harness = await startHarness({
      inflightBytesMax: 8 * BODY.length,
      wrap: (journal) => ({
        append: async (entry) => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          return journal.append(entry);
        },
      }),
    });
    const fits = await goodput(8, 2_000);
    expect(fits.refused).toBe(0);
    const over = await goodput(80, 2_000);
    expect(over.refused).toBeGreaterThan(over.accepted);
    // Client and server share one process here; collapse would be a tenth or less.
    expect(over.accepted).toBeGreaterThan(fits.accepted / 3);
    expect(harness.stored()).toHaveLength(fits.accepted + over.accepted);
    expect(harness.counted["accepted traces http"]).toBe(fits.accepted + over.accepted);
    expect(harness.admission.bytes).toBe(0);
  });

  it("item 22: a gRPC message that does not fit is refused when its length is known, before its bytes come", async () => {
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    harness = await startHarness({
      inflightBytesMax: 3 * BODY.length,
      wrap: (journal) => ({ append: (entry) => gate.then(() => journal.append(entry)) }),
    });
    const first = post(harness, BODY);
    await expect.poll(() => harness.admission.requests).toBe(1);
    const session = connect(`http://127.0.0.1:${harness.grpc.port}`);
    const stream = session.request({
      ":method": "POST",
      ":path": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(4 * BODY.length, 1);
    const answered = new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
    stream.on("error", () => undefined).write(prefix);
    const headers = await answered;
    expect(headers["grpc-status"]).toBe("8");
    const details = Buffer.from(String(headers["grpc-status-details-bin"]), "base64");
    expect(decodeStatus(details, "protobuf")).toMatchObject({ code: 8, retryDelaySeconds: 2 });
    expect(harness.admission.bytes).toBe(BODY.length);
    session.destroy();
    open();
    expect((await first).status).toBe(200);
  });

  it("item 76: of 5,000 posts at once each is answered, and all that is acknowledged is stored once", async () => {
    harness = await startHarness();
    const clients = Array.from({ length: 5_000 }, () => new NormalClient(harness.http.port));
    const small = Buffer.from(tracesBody());
    const statuses = await Promise.all(clients.map((client) => client.send(small)));
    for (const client of clients) client.close();
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(harness.stored()).toHaveLength(5_000);
    expect(harness.admission.bytes).toBe(0);
  });
});

describe("memory that the size of a body does not show", () => {
  it("item 10: compressed bodies that wait to be read are refused beyond the budget, and a single one never", () => {
    const admission = new Admission({ bytesMax: 100 });
    const [first, second] = [admission.reserve(10), admission.reserve(10)];
    expect(first?.hold(300)).toBe(true);
    expect(second?.hold(10)).toBe(false);
    // It was let in alone, so what it turns into is let in, too.
    expect(first?.hold(5)).toBe(true);
    expect(admission.reserve(1)).toBeUndefined();
    first?.drop(300);
    expect(second?.hold(90)).toBe(true);
    first?.release();
    second?.release();
    expect(admission.bytes).toBe(0);
  });

  it("what has become known of a length counts at once, and is refused when it does not fit", () => {
    const admission = new Admission({ bytesMax: 100 });
    const [first, second] = [admission.reserve(0), admission.reserve(0)];
    expect([first?.claim(60), second?.claim(60)]).toEqual([true, false]);
    expect(first?.received(60)).toBe(true);
    expect(admission.bytes).toBe(60);
    first?.release();
    expect(second?.claim(60)).toBe(true);
    second?.release();
    expect(admission.bytes).toBe(0);
  });
});
