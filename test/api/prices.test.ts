import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { dataDirPaths, readEffectivePrices } from "../../store/index.js";
import { runApi, type RunningApi } from "./running-api.js";

let running: RunningApi;
beforeAll(async () => {
  running = await runApi();
});
afterAll(() => running.stop());

async function call(
  method: string,
  path: string,
  body?: unknown,
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${running.url}/api/v1/prices${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
}

const inEffect = (id: string) =>
  readEffectivePrices(dataDirPaths(running.dataDir).prices).prices.find((price) => price.id === id);

it("a price that is put is in effect without a restart and after one, until it is taken back", async () => {
  const price = { provider: "openai", models: ["house-model"], input: 1, output: 2 };
  const id = "contract/1";
  const path = `/${encodeURIComponent(id)}`;
  expect(await call("PUT", path, price)).toMatchObject({ status: 200, body: { id } });
  await vi.waitFor(
    () => expect(inEffect(id)).toMatchObject({ origin: "record", models: ["house-model"] }),
    60_000,
  );
  expect((await call("GET", "")).body).toMatchObject([{ id, tiers: [{ input: 1, output: 2 }] }]);
  await call("PUT", path, { ...price, input: 5 });
  await vi.waitFor(() => expect(inEffect(id)?.tiers[0]?.input).toBe(5), 60_000);
  running = await running.restart();
  expect(inEffect(id)?.tiers[0]?.input).toBe(5);
  expect((await call("DELETE", path)).status).toBe(200);
  await vi.waitFor(() => expect(inEffect(id)).toBeUndefined(), 60_000);
  expect((await call("DELETE", path)).status).toBe(404);
  expect((await call("GET", "")).body).toEqual([]);
});

it("a price that is wrong is refused with what is wrong, and changes nothing", async () => {
  const refused = await call("PUT", "/x", { provider: "openai", models: ["*"], input: 1, output: 2 });
  expect(refused).toMatchObject({ status: 422, body: { error: { code: "CF_RECORD_INVALID" } } });
  expect(JSON.stringify(refused.body)).toContain("no name");
  expect((await call("PUT", "/x", { provider: "openai", models: ["m"], inputt: 1 })).status).toBe(422);
  expect((await call("PUT", "/x", [])).status).toBe(400);
  expect((await call("PUT", "/%E0%A4%A", {})).status).toBe(400);
  expect(inEffect("x")).toBeUndefined();
});

it("LangSmith's price map and our prices are the same records: what one writes the other shows", async () => {
  const map = async (method: string, path = "", body?: unknown) => {
    const answer = await fetch(`${running.url}/api/v1/model-price-map${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const entry = {
    name: "House",
    match_pattern: "^(house-one|house-two.*)$",
    provider: "openai",
    prompt_cost: 0.0000025,
    completion_cost: "0.00001",
    prompt_cost_details: { cache_read: 0.00000125 },
  };
  const made = await map("POST", "", entry);
  expect(made).toMatchObject({ status: 200, body: { name: "House", prompt_cost: "0.0000025" } });
  const id = String(made.body["id"]);
  await vi.waitFor(
    () =>
      expect(inEffect(id)).toMatchObject({
        models: ["house-one", "house-two*"],
        tiers: [{ input: 2.5, output: 10 }],
      }),
    60_000,
  );
  expect((await map("PUT", `/${id}`, { completion_cost: 0.00002 })).status).toBe(200);
  expect((await call("GET", "")).body).toMatchObject([
    { id, tiers: [{ input: 2.5, output: 20, cache_read: 1.25 }] },
  ]);
  await call("PUT", "/by-hand", {
    provider: "openai",
    models: ["gpt-x*"],
    input: 1,
    output: 2,
    until: "2030-01-01",
  });
  const listed = (await map("GET", "?q=gpt-x")).body as unknown as readonly Record<string, unknown>[];
  expect(listed).toMatchObject([{ match_pattern: "^(?:gpt-x.*)$", prompt_cost: "0.000001" }]);
  const byHand = String(listed[0]?.["id"]);
  expect(byHand).toMatch(/^[0-9a-f-]{36}$/);
  expect((await map("PUT", `/${byHand}`, { prompt_cost: 3e-6 })).status).toBe(200);
  // What LangSmith has no words for stays.
  expect((await call("GET", "")).body).toMatchObject(
    [{ id }, { id: "by-hand", until: "2030-01-01", tiers: [{ input: 3 }] }].sort((left, right) =>
      left.id < right.id ? -1 : 1,
    ),
  );
  expect((await map("POST", "", { ...entry, provider: null })).status).toBe(422);
  expect((await map("DELETE", `/${byHand}`)).status).toBe(200);
  expect((await map("DELETE", `/${byHand}`)).status).toBe(404);
  expect((await map("DELETE", `/${id}`)).status).toBe(200);
});
