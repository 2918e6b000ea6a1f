import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { webhookSignature } from "../../loop/http/signed.js";
import { queryRows } from "../../store/index.js";
import { runApi, type RunningApi } from "../api/running-api.js";

const SECRET = "a secret that nobody may read";
/** What the receiver was sent. */
interface Got {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let api: RunningApi;
let peer: Server;
let hook = "";
/** Where the destination beside the mirror writes. */
let folder = "";
const got: Got[] = [];
/** What the receiver answers to a path, in order; the last one again and again. */
const answers = new Map<string, { readonly status: number; readonly retryAfter?: string }[]>();
const arrivals = new Set<() => void>();

beforeAll(async () => {
  process.env["RULES_TEST_SECRET"] = SECRET;
  peer = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (text: string) => (body += text));
    request.on("end", () => {
      const path = request.url ?? "";
      const list = answers.get(path) ?? [{ status: 204 }];
      const answer = (list.length > 1 ? list.shift() : list[0]) ?? { status: 204 };
      const { status, retryAfter } = answer;
      response.writeHead(status, {
        location: "/elsewhere",
        ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
      });
      response.end();
      got.push({ path, headers: request.headers, body });
      for (const tell of arrivals) tell();
    });
  });
  await new Promise<void>((resolve) => peer.listen(0, "127.0.0.1", resolve));
  hook = `http://127.0.0.1:${(peer.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), "counterfoil-egress-"));
  api = await runApi(`
receivers: { otlp: { protocols: { http: } } }
processors: { filter: { drop: [{ name: stays here }] } }
exporters: { mirror: , file: { path: ${JSON.stringify(folder)} } }
service: { pipelines: { traces: { receivers: [otlp], processors: [filter], exporters: [mirror, file] } } }
`);
});
afterAll(async () => {
  delete process.env["RULES_TEST_SECRET"];
  await api.stop();
  peer.close();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

async function post(path: string, body: unknown): Promise<number> {
  const headers = { "content-type": "application/json" };
  return (await fetch(api.url + path, { method: "POST", headers, body: JSON.stringify(body) })).status;
}

/** Resolves when the receiver was sent so many requests. */
async function arrived(path: string, count: number): Promise<readonly Got[]> {
  for (;;) {
    const found = got.filter((each) => each.path === path);
    if (found.length >= count) return found;
    await new Promise<void>((resolve) => {
      const tell = (): void => {
        arrivals.delete(tell);
        resolve();
      };
      arrivals.add(tell);
    });
  }
}

/** Resolves with what is noted about a rule's run when that is of one of these outcomes. */
async function noted(rule: string, outcome: string, reason = ""): Promise<Record<string, unknown>> {
  const entry = async (): Promise<Record<string, unknown>> => {
    const answer = await fetch(`${api.url}/api/v1/rules/${rule}/logs`);
    return ((await answer.json()) as Record<string, unknown>[])[0] ?? {};
  };
  const wanted =
    reason === "" ? { outcome } : { outcome, reason: expect.stringContaining(reason) as unknown };
  await expect.poll(entry, { timeout: 60_000, interval: 200 }).toMatchObject(wanted);
  return entry();
}

async function rule(name: string, action: object): Promise<void> {
  const whole = {
    name,
    filter: `eq(name, "${name}")`,
    debounce_seconds: 0,
    actions: [{ type: "webhook", url: `${hook}/${name}`, ...action }],
  };
  expect(await post("/api/v1/rules/apply", { rules: [whole] })).toBe(200);
}

let spans = 0;
async function send(name: string): Promise<string> {
  spans += 1;
  const traceId = spans.toString(16).padStart(32, "c");
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  const span = {
    traceId,
    spanId: spans.toString(16).padStart(16, "d"),
    name,
    startTimeUnixNano: "1795413600000000000",
    endTimeUnixNano: "1795413601000000000",
    attributes: [text("gen_ai.prompt", '{"q":"private"}'), text("gen_ai.completion", '{"a":"private"}')],
  };
  expect(await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })).toBe(200);
  return traceId;
}

test("a webhook is signed, sent again with the same id while its receiver is busy, and noted as delivered", async () => {
  answers.set("/signed", [
    { status: 503, retryAfter: "0" },
    { status: 429, retryAfter: new Date(0).toUTCString() },
    { status: 200 },
  ]);
  await rule("signed", { secret_env: "RULES_TEST_SECRET" });
  const traceId = await send("signed");
  const tries = await arrived("/signed", 3);
  const entry = await noted("signed", "success");
  expect(new Set(tries.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([entry["id"]]));
  for (const { headers, body } of tries) {
    const id = headers["webhook-id"] as string;
    const timestamp = headers["webhook-timestamp"] as string;
    expect(headers["idempotency-key"]).toBe(id);
    expect(headers["webhook-signature"]).toBe(webhookSignature(SECRET, { id, timestamp, body }));
  }
  expect(JSON.parse(tries[0]?.body ?? "")).toMatchObject({
    type: "rule_run",
    rule_name: "signed",
    runs: [{ trace_id: traceId, name: "signed", feedback: [] }],
  });
  expect(tries[0]?.body).not.toContain("private");
  const [all] = await queryRows({
    dataDir: api.dataDir,
    sql: "SELECT (SELECT list(data)::VARCHAR FROM rules_history) || (SELECT list(data)::VARCHAR FROM rule_runs_history) AS text",
  });
  expect(all?.["text"]).toContain("503");
  expect(all?.["text"]).not.toContain(SECRET);
});

test("the signature is that of the Standard Webhooks specification", () => {
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const body = '{"test": 2432232314}';
  const message = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: "1614265330", body };
  expect(webhookSignature(secret, message)).toBe("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
});

test("a webhook that is refused for good, or redirected, is noted as an error and not sent again", async () => {
  for (const [name, status] of [
    ["gone", 410],
    ["moved", 302],
  ] as const) {
    answers.set(`/${name}`, [{ status }]);
    await rule(name, { include_content: true });
    await send(name);
    expect(await noted(name, "error")).toMatchObject({ reason: `the webhook answered ${status}` });
    const [only, ...more] = await arrived(`/${name}`, 1);
    expect([only?.body.includes("private"), more]).toEqual([true, []]);
  }
  expect(got.some(({ path }) => path === "/elsewhere")).toBe(false);
});

test("a webhook that was not delivered before the server ended is delivered after it starts again", async () => {
  answers.set("/late", [{ status: 500, retryAfter: "3600" }]);
  await rule("late", {});
  await send("late");
  expect(await noted("late", "pending")).toMatchObject({ actions: [{ requested_at: expect.any(String) }] });
  await arrived("/late", 1);
  answers.set("/late", [{ status: 200 }]);
  api = await api.restart();
  await arrived("/late", 2);
  await noted("late", "success");
});

/** Lines of the egress ledger, newest first. */
async function ledger(query: string): Promise<readonly Record<string, unknown>[]> {
  return (await (await fetch(`${api.url}/api/v1/egress?${query}`)).json()) as Record<string, unknown>[];
}

test("I7: every try of a webhook and everything that a destination confirmed is in one ledger, which says what left and to where", async () => {
  const redact = [{ pattern: "priv(at)e", replacement: "\\1" }];
  answers.set("/told", [{ status: 503, retryAfter: "0" }, { status: 200 }]);
  await rule("told", { include_content: true, redact });
  const traceId = await send("told");
  await send("stays here");
  const [, second] = await arrived("/told", 2);
  expect(second?.body).toContain('"inputs":{"q":"at"}');
  expect(second?.body).not.toContain("private");
  const entry = await noted("told", "success");
  const [last, first] = await ledger("name=told");
  expect([first, last]).toMatchObject([
    { outcome: "pending", reason: "the webhook answered 503" },
    { outcome: "success" },
  ]);
  expect(last).toMatchObject({
    kind: "webhook",
    address: hook,
    trace_id: traceId,
    rule_run_id: entry["id"],
    content: true,
    redacted: true,
    bytes: Buffer.byteLength(second?.body ?? ""),
  });
  // Every span is in one line: the seqs of the lines follow each other, and what a filter kept here is said.
  await api.collector.flush(60_000);
  const destination = (await ledger("kind=destination&limit=1000")).toReversed();
  const filtered = destination.flatMap((line) =>
    Object.values(line["filtered"] as Record<string, Record<string, number>>).map(({ traces = 0 }) => traces),
  );
  expect(destination.reduce((sum, line) => sum + (line["items"] as number), 0)).toBe(spans - 1);
  expect(filtered.reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(destination[0]).toMatchObject({ name: "file", address: folder, first_seq: 1 });
  for (const [at, line] of destination.entries())
    if (at > 0) expect(line["first_seq"]).toBe((destination[at - 1]?.["last_seq"] as number) + 1);
  const ofTrace = await ledger(`trace=${traceId}`);
  expect(ofTrace.map(({ kind }) => String(kind)).toSorted((a, b) => a.localeCompare(b))).toEqual([
    "destination",
    "webhook",
    "webhook",
  ]);
  expect(await ledger("kind=destination&until=2020-01-01T00:00:00Z")).toEqual([]);
  // Nothing left since: no line is written for that, and a restart does not tell anything twice.
  api = await api.restart();
  expect((await ledger("kind=destination&limit=1000")).length).toBe(destination.length);
  expect((await fetch(`${api.url}/api/v1/egress?kind=pigeon`)).status).toBe(400);
});

test("I7: a replay has its line before it begins, and how many items left after", async () => {
  expect(await post("/api/v1/replay", { to: "file", from_seq: 1 })).toBe(200);
  const [line] = await ledger("kind=replay");
  expect(line).toMatchObject({ name: "file", first_seq: 1, outcome: "success", items: spans - 1 });
});

test("an environment variable that is missing is named, and what is no webhook is refused", async () => {
  await rule("unset", { secret_env: "RULES_TEST_UNSET" });
  await send("unset");
  await noted("unset", "pending", "RULES_TEST_UNSET");
  for (const action of [
    {},
    { url: "ftp://example.com" },
    { url: "https://ada:secret@example.com" },
    { url: "https://example.com", url_env: "X" },
    { url_env: "NOT A NAME" },
    { url: "https://example.com", redact: [{ pattern: "a" }] },
    { url: "https://example.com", include_content: true, redact: [{ pattern: "(" }] },
  ]) {
    const rules = [{ name: "wrong", actions: [{ type: "webhook", ...action }] }];
    expect(await post("/api/v1/rules/apply", { rules })).toBe(422);
  }
});
