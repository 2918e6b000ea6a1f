import { Agent, request } from "node:http";
import { expect } from "vitest";
import { tracesBody } from "../collector/harness.js";

const BODY = Buffer.from(tracesBody(50));
/** Requests of one measurement: enough that a few slow ones do not move the middle. */
const REQUESTS = 60;

/** One well-behaved client with a connection of its own. */
export class NormalClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;
  /** Requests that were answered 200. */
  accepted = 0;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends one request; resolves with its status. */
  send(body: Buffer = BODY): Promise<number> {
    return new Promise((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: this.#port,
        path: "/v1/traces",
        method: "POST",
        agent: this.#agent,
        headers: { "content-type": "application/x-protobuf", "content-length": body.length },
      };
      request(options, (response) => {
        response.resume().once("end", () => resolve(response.statusCode ?? 0));
      })
        .once("error", reject)
        .end(body);
    });
  }

  /** Sends one request after the other, each of which must be taken; the middle of the times that they took, ms. */
  async median(requests = REQUESTS): Promise<number> {
    const times: number[] = [];
    for (let index = 0; index < requests; index++) {
      const started = performance.now();
      expect(await this.send()).toBe(200);
      times.push(performance.now() - started);
      this.accepted += 1;
    }
    return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Harm shows in every round; a machine that is busy with something else for a moment, in one or two. */
const ROUNDS = 4;

/**
 * Measures the client alone, beside what `start` begins, and alone again: beside it may take `ratio` times what it
 * takes alone. Both times alone count, because other work on the machine comes and goes.
 */
export async function expectUnharmed(
  client: NormalClient,
  ratio: number,
  start: () => Promise<() => Promise<void> | void>,
): Promise<void> {
  const seen: string[] = [];
  await client.median(20);
  let before = await client.median();
  for (let round = 0; round < ROUNDS; round++) {
    const stop = await start();
    const beside = await client.median();
    await stop();
    const after = await client.median();
    if (beside < Math.max(before, after) * ratio) return;
    seen.push(`${beside.toFixed(1)} ms beside, ${before.toFixed(1)} and ${after.toFixed(1)} ms alone`);
    before = after;
  }
  expect.fail(`a normal client is slowed down: ${seen.join("; ")}`);
}
