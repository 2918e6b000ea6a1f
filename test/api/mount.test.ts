import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startHarness, type Harness } from "../collector/harness.js";
import { KeyCheck } from "../../collector/receivers/otlp/auth.js";
import { type Api, CounterfoilError } from "../../schema/index.js";

/** An API that says what it was given. */
const echo: Api = {
  find(method, path) {
    if (!path.startsWith("/echo")) return undefined;
    return async (request) => {
      if (path === "/echo/lost") throw new CounterfoilError("CF_NOT_FOUND", "There is no such thing.");
      if (path === "/echo/fault") throw new TypeError("a secret of ours");
      const body = Buffer.from(request.body).toString("utf8");
      return {
        status: 201,
        contentType: "application/json",
        body: JSON.stringify({ method, path: request.path, q: request.query.get("q"), body }),
      };
    };
  },
  close: async () => undefined,
};

let open: Harness;
let locked: Harness;

beforeAll(async () => {
  open = await startHarness({ http: { api: echo, bodyBytesMax: 1_000 } });
  locked = await startHarness({ http: { api: echo, keys: new KeyCheck(["right"]) } });
});

afterAll(async () => {
  await open.close();
  await locked.close();
});

test("an API is asked for paths that are not OTLP's, with query and body; others stay 404", async () => {
  const answer = await fetch(`${open.url}/echo/a%20b?q=1`, { method: "POST", body: "hello" });
  expect(answer.status).toBe(201);
  expect(await answer.json()).toEqual({ method: "POST", path: "/echo/a%20b", q: "1", body: "hello" });
  expect((await fetch(`${open.url}/other`)).status).toBe(404);
});

test("a compressed body reaches the API decompressed, and one beyond the cap is 413 however small it came", async () => {
  const headers = { "content-encoding": "gzip" };
  const url = `${open.url}/echo`;
  const answer = await fetch(url, { method: "POST", headers, body: gzipSync("squeezed") });
  expect(await answer.json()).toMatchObject({ body: "squeezed" });
  const bomb = await fetch(url, { method: "POST", headers, body: gzipSync(Buffer.alloc(5_000)) });
  expect(bomb.status).toBe(413);
  expect(await bomb.json()).toMatchObject({ error: { code: "CF_BODY_TOO_LARGE" } });
  expect((await fetch(url, { method: "POST", headers, body: "not gzip, though it says so" })).status).toBe(
    400,
  );
});

test("both forms of the key open an API, and a wrong one is 401 with a detail", async () => {
  const status = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${locked.url}/echo`, { headers })).status;
  expect(await status({ "x-api-key": "right" })).toBe(201);
  expect(await status({ authorization: "Bearer right" })).toBe(201);
  expect(await status({ "x-api-key": "wrong" })).toBe(401);
  const answer = await fetch(`${locked.url}/echo`);
  expect(answer.status).toBe(401);
  expect(await answer.json()).toMatchObject({ detail: expect.stringContaining("API key") });
});

test("pages of other sites reach no API, with a key or without", async () => {
  const crossSite = await fetch(`${open.url}/echo`, { headers: { origin: "https://elsewhere.example" } });
  expect(crossSite.status).toBe(403);
  const keyed = { origin: "https://elsewhere.example", "x-api-key": "right" };
  expect((await fetch(`${locked.url}/echo`, { headers: keyed })).status).toBe(403);
});

test("what an API throws is answered: our errors with their code, any other without a word of it", async () => {
  const lost = await fetch(`${open.url}/echo/lost`);
  expect(lost.status).toBe(404);
  expect(await lost.json()).toMatchObject({
    detail: "There is no such thing.",
    error: { code: "CF_NOT_FOUND" },
  });
  const fault = await fetch(`${open.url}/echo/fault`);
  expect(fault.status).toBe(500);
  expect(await fault.text()).not.toContain("secret");
});
