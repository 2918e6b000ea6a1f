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
