import { Agent, request } from "node:http";
import { langsmithBodies, renewRuns } from "./langsmith-bodies.js";

/** What was acknowledged. */
export interface LangSmithLoad {
  readonly runs: number;
  readonly seconds: number;
}

const RUNS_PER_BODY = 100;
const CONNECTIONS = 8;
/** Serials of ids go on from load to load, so that no run is sent twice. */
let serial = 1;

/** Sends multipart requests of runs that are all new, as fast as they are acknowledged. Throws when one is refused. */
export async function langsmithLoad(port: number, seconds: number): Promise<LangSmithLoad> {
  // One body for each connection: it is changed only while it is not on its way.
  const bodies = langsmithBodies(CONNECTIONS, RUNS_PER_BODY);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const started = performance.now();
  let runs = 0;
  await Promise.all(
    bodies.map(async (body) => {
      while (performance.now() - started < seconds * 1_000) {
        renewRuns(body, serial++);
        const headers = { "content-type": body.contentType, "x-api-key": "any" };
        await post({ port, agent, path: "/runs/multipart", headers, body: body.bytes });
        runs += body.runs;
      }
    }),
  );
  agent.destroy();
  return { runs, seconds: (performance.now() - started) / 1_000 };
}

/** One request to this machine. */
export interface Post {
  readonly port: number;
  readonly agent: Agent;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Resolves when a request was answered with 2xx. */
export function post({ port, agent, path, headers, body }: Post): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        host: "127.0.0.1",
        agent,
        path,
        method: "POST",
        headers: { ...headers, "content-length": body.length },
      },
      (answer) => {
        const status = answer.statusCode ?? 0;
        answer.resume();
        answer.on("error", reject);
        answer.on("end", () => {
          if (status >= 200 && status < 300) resolve();
          else reject(new Error(`POST ${path}: ${status}`));
        });
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
