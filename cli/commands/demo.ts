import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Command } from "commander";
import type { CollectorConfig } from "../../collector/config/index.js";
import { CounterfoilError } from "../../schema/index.js";
import { commandName } from "../command-name.js";
import { type AgentSummary, runAgent } from "../demo/agent-process.js";
import { WRONG_REFUND_SQL, type WrongRefund } from "../demo/question.js";
import { conversationLines, goOnLines, opening, placeLines, questionLines, step } from "../demo/story.js";
import { tryListen } from "../doctor/machine.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, terminalWidth, write } from "../io.js";
import { DEFAULT_DATA_DIR, withDataDir } from "../options.js";
import { renderTraceTree, type TreeSpan } from "../output/trace-tree.js";
import { mirrorRows } from "../query.js";
import { callServer } from "../server-client.js";
import { environmentLines } from "../start/banner.js";
import type { Serving } from "../start/serve.js";
import { traceSpansSql } from "../trace-queries.js";

const HTTP_PORT = 4318;
const GRPC_PORT = 4317;
const MIRROR_MS = 30_000;
/** The demo ends by itself: a LangSmith that is slow or down must not hold it. What waits is kept in the journal. */
const LANGSMITH_MS = 10_000;
const SPANS_MAX = 1_000;

interface DemoOptions {
  readonly dataDir: string;
  readonly keep?: boolean;
}

/** `demo`: the whole chain with a real agent, from its spans to the wrong answer in SQL. */
export function addDemoCommand(program: Command, io: Io): void {
  withDataDir(program.command("demo"))
    .description("start a collector and a hotel support agent, and find its one wrong answer with SQL")
    .option("--keep", "keep the server running until Ctrl-C")
    .addHelpText(
      "after",
      `
Without --data-dir it uses a new folder below ${DEFAULT_DATA_DIR}. It needs no key and no network: the model is a stand-in. With
LANGSMITH_API_KEY set, the spans go to LangSmith as well.

Examples:
  counterfoil demo
  counterfoil demo --keep --data-dir /tmp/hotel`,
    )
    .action((options: DemoOptions, command: Command) => {
      const given = command.getOptionValueSource("dataDir") !== "default";
      return demo({ ...options, dataDir: given ? options.dataDir : freshFolder() }, io);
    });
}

/** A folder that is not there yet, so that the demo's figures are its own. */
function freshFolder(): string {
  for (let number = 1; ; number++) {
    const folder = join(DEFAULT_DATA_DIR, number === 1 ? "demo" : `demo-${number}`);
    if (!existsSync(folder)) return folder;
  }
}

async function demo(options: DemoOptions, io: Io): Promise<void> {
  const { paint } = io;
  const { defaultConfig } = await import("../../collector/config/index.js");
  await write(io.stdout, opening(paint, terminalWidth(io)));
  const config = defaultConfig(io.env);
  const serving = await serveOnFreePorts(config, options.dataDir);
  try {
    await tellStory({ options, config, serving }, io);
    if (options.keep && !io.signal.aborted) await once(io.signal, "abort");
  } finally {
    await serving.stop();
  }
}

/** Serves on the default ports, or on any free ones. Rejects like `serve`. */
async function serveOnFreePorts(config: CollectorConfig, dataDir: string): Promise<Serving> {
  const { serve } = await import("../start/serve.js");
  const [httpPort, grpcPort] = await Promise.all([freePort(HTTP_PORT), freePort(GRPC_PORT)]);
  const options = { config, dataDir, httpPort, grpcPort, logLevel: "warn" } as const;
  try {
    return await serve(options);
  } catch (error) {
    // Free when we looked does not mean free when we listen: another program may start at the same time.
    if (!(error instanceof CounterfoilError) || error.code !== "CF_LISTEN_FAILED") throw error;
    return serve({ ...options, httpPort: 0, grpcPort: 0 });
  }
}

/** The port itself when nobody has it, else 0, which takes any free one. */
async function freePort(port: number): Promise<number> {
  return (await tryListen({ host: "127.0.0.1", port })) === undefined ? port : 0;
}

interface Scene {
  readonly options: DemoOptions;
  readonly config: CollectorConfig;
  readonly serving: Serving;
}

async function tellStory({ options, config, serving }: Scene, io: Io): Promise<void> {
  const { dataDir } = options;
  const { paint } = io;
  const endpoint = serving.httpUrl ?? "";
  const say = (number: number, title: string, lines: readonly string[]): Promise<void> =>
    write(io.stdout, step(number, title, lines, paint));
  await say(1, "A collector", [
    `OTLP/HTTP ${endpoint}   OTLP/gRPC ${serving.grpcUrl ?? "off"}   data in ${dataDir}`,
  ]);

  const startedAt = performance.now();
  const summary = await talk(endpoint, config, io);
  await say(2, "An agent at work", conversationLines(summary, (performance.now() - startedAt) / 1000));

  // Settled means visible: the mirror answers when everything accepted is in a committed file.
  await flush(serving, "mirror", MIRROR_MS, io);
  const status = serving.collector.status();
  await say(
    3,
    "Kept, and yours",
    placeLines({
      dataDir,
      spans: status.journal.accepted.traces,
      files: status.mirror.files,
      langsmith: await langsmithLine(config, serving, io),
    }),
  );

  const found = await mirrorRows<WrongRefund>(io, dataDir, WRONG_REFUND_SQL);
  await say(
    4,
    "Who was promised money that their rate does not give back?",
    questionLines(found, paint, terminalWidth(io)),
  );
  const [wrong] = found;
  if (wrong === undefined) {
    throw new CommandError(
      EXIT.failure,
      "The demo's query found nothing, though the agent gives one wrong answer.",
    );
  }
  const spans = await mirrorRows<TreeSpan>(io, dataDir, traceSpansSql(wrong.trace_id, true, SPANS_MAX));
  const tree = renderTraceTree(spans, {
    paint,
    width: (terminalWidth(io) ?? 122) - 2,
    content: true,
    full: false,
  });
  await say(5, "How it came about", tree.trimEnd().split("\n"));

  const command = commandName(process.argv[1], io.env, process.cwd());
  const go = goOnLines({ command, dataDir, traceId: wrong.trace_id, kept: options.keep ?? false });
  await write(io.stdout, `\n${paint.bold("Go on")}\n${go.map((line) => `  ${line}\n`).join("")}`);
  if (options.keep) await write(io.stdout, `\n${environmentLines(endpoint, true)}\n`);
}

async function talk(endpoint: string, config: CollectorConfig, io: Io): Promise<AgentSummary> {
  const langsmith = langsmithOf(config);
  const summary = await runAgent({
    endpoint,
    // Named only when the spans go there: they then carry the project they belong to.
    project: langsmith?.project,
    env: io.env,
    signal: io.signal,
  });
  if (summary.tracing !== "on" && summary.conversations.length === 0) {
    throw new CommandError(EXIT.failure, `The agent did not trace (${summary.tracing}).`);
  }
  return summary;
}

interface LangSmithTarget {
  readonly name: string;
  readonly project: string;
}

function langsmithOf(config: CollectorConfig): LangSmithTarget | undefined {
  for (const { name, exporter } of config.destinations) {
    if (exporter.type === "langsmith") return { name, project: exporter.project ?? "default" };
  }
  return undefined;
}

async function langsmithLine(config: CollectorConfig, serving: Serving, io: Io): Promise<string> {
  const langsmith = langsmithOf(config);
  if (langsmith === undefined) return "not sent: LANGSMITH_API_KEY is not set";
  const { name, project } = langsmith;
  const late = await flush(serving, name, LANGSMITH_MS, io).then(
    () => false,
    () => true,
  );
  const stats = serving.collector.status().destinations.find((destination) => destination.name === name);
  const delivered = stats?.delivered.traces ?? 0;
  if (!late) return `project "${project}": ${delivered} spans delivered`;
  const why = stats?.last_error === undefined ? "" : ` (${stats.last_error})`;
  return `project "${project}": ${delivered} spans delivered, ${stats?.waiting.traces ?? 0} still waiting${why}`;
}

async function flush(serving: Serving, to: string, deadlineMs: number, io: Io): Promise<void> {
  await callServer(
    { pid: process.pid, started_at: "", version: "", url: serving.httpUrl ?? "" },
    {
      method: "POST",
      path: "/api/v1/flush",
      body: { to, deadline_ms: deadlineMs },
      timeoutMs: deadlineMs + 1_000,
      signal: io.signal,
    },
  );
}
