import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { HttpAnswer, HttpCall, HttpTransport } from "../../exporters/core/http.js";
import type { LedgerEntry } from "../../exporters/core/ledger.js";
import { callsOf, objectOf } from "../../exporters/langsmith/push/record-calls.js";
import { createRecordsExporter } from "../../exporters/langsmith/push/records-exporter.js";
import { encodeRecords } from "../../schema/index.js";

test("a change that is tried again behind a later one of the same thing is left out", async () => {
  const bodies: string[] = [];
  const transport = {
    post: async ({ body }: HttpCall): Promise<HttpAnswer> => {
      bodies.push(Buffer.from(body).toString());
      return { status: 200, headers: {}, body: new Uint8Array(), complete: true };
    },
    close: () => undefined,
  };
  const exporter = createRecordsExporter({
    base: new URL("http://127.0.0.1"),
    apiKey: "k",
    transport: transport as unknown as HttpTransport,
  });
  const send = (seq: number, id: string) => {
    const data = { key: "k", run_id: randomUUID(), score: seq };
    const time = "2026-11-27T10:00:00Z";
    const payload = encodeRecords([{ type: "feedback", id, op: "put", time, source: "api", data }]);
    const body = { kind: "bytes", encoding: "identity", payload } as const;
    const part = { entry: { seq } as LedgerEntry, itemCount: 1, bytes: payload.length, body };
    const batch = { signal: "records", parts: [part], itemCount: 1, bytes: payload.length } as const;
    return exporter.send(batch, new AbortController().signal);
  };
  for (const [seq, id] of [
    [2, "a"],
    [1, "a"],
    [1, "b"],
    [3, "a"],
  ] as const) {
    expect(await send(seq, id)).toEqual({ kind: "delivered" });
  }
  expect(bodies.map((body) => (JSON.parse(body) as { score: number }).score)).toEqual([2, 1, 3]);
  await exporter.close();
});

test("an example that is created and changed in one change set goes as two requests, the change behind", () => {
  const id = randomUUID();
  const other = randomUUID();
  const put = (example: string, a: number) => ({
    type: "example",
    id: example,
    op: "put",
    time: "2026-11-27T10:00:00Z",
    source: "langsmith",
    data: { dataset_id: "d", inputs: { a } },
    more: undefined,
  });
  const groups = callsOf([put(id, 1), put(other, 1), put(id, 2)]);
  expect(groups.map((group) => group.map(({ body }) => objectOf(body)["id"]))).toEqual([[id, other], [id]]);
});
