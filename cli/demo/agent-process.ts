import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommandError, EXIT } from "../exit-codes.js";

/** The support agent as a program of its own: its spans come in over real OTLP, like anyone's. */
const AGENT = new URL("../../examples/support-agent/main.js", import.meta.url);
const TIMEOUT_MS = 60_000;
const OUTPUT_CHARS_MAX = 1_000_000;

/** What the agent prints at its end; see `examples/support-agent/run.ts`. */
export interface AgentSummary {
  readonly tracing: string;
  readonly conversations: readonly {
    readonly conversationId: string;
    readonly turns: number;
    readonly outcome: "answered" | "failed";
    readonly lastAnswer: string;
  }[];
}

/** Runs all conversations against a receiver and gives the agent's own summary. */
export async function runAgent(options: {
  readonly endpoint: string;
  readonly project: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}): Promise<AgentSummary> {
  const path = fileURLToPath(AGENT);
  if (!existsSync(path)) {
    throw new CommandError(
      EXIT.notFound,
      `The demo's agent is not at ${path}. It comes with the repository: run \`npm ci && npm run demo\` there.`,
    );
  }
  const child = spawn(process.execPath, [path], {
    env: agentEnvironment(options.env, options.endpoint, options.project),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: TIMEOUT_MS,
    signal: options.signal,
  });
  let stdout = "";
  let stderr = "";
  child.stdout
    .setEncoding("utf8")
    .on("data", (text: string) => (stdout = (stdout + text).slice(0, OUTPUT_CHARS_MAX)));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-2_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0 && stderr.includes("ERR_MODULE_NOT_FOUND")) {
    throw new CommandError(
      EXIT.notFound,
      "The demo's agent uses packages (an OpenAI client, the OTel SDK) that only the repository installs: run `npm ci && npm run demo` there.",
    );
  }
  if (code !== 0) {
    throw new CommandError(
      EXIT.failure,
      `The demo's agent ended with ${code ?? "a signal"}.\n${stderr.trim()}`,
    );
  }
  return JSON.parse(stdout) as AgentSummary;
}

/** The agent's environment: OTel and LangSmith settings of this shell must not send the demo's spans elsewhere. */
function agentEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  endpoint: string,
  project: string | undefined,
): NodeJS.ProcessEnv {
  const kept = Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^(?:OTEL_|LANGSMITH_|LANGCHAIN_|MODEL_|OPENAI_)/.test(name)),
  );
  return {
    ...kept,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true",
    ...(project === undefined ? {} : { LANGSMITH_PROJECT: project }),
  };
}
