import { type Command, Option } from "commander";
import type { JsonObject } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { durationMs, withDataDir } from "../options.js";
import { inert } from "../output/text.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

interface TokenOptions {
  readonly dataDir: string;
  readonly key: string;
  readonly run?: string;
  readonly trace?: string;
  readonly span?: string;
  readonly thread?: string;
  readonly expires: number;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** `feedback token`. */
export function addTokenCommand(feedback: Command, io: Io): void {
  withDataDir(feedback.command("token"))
    .description("make an address at which feedback is given without an API key")
    .requiredOption("--key <key>", "what is judged, for example thumbs")
    .option("--run <id>", "LangSmith run id")
    .option("--trace <id>", "trace id, 32 hex digits")
    .option("--span <id>", "span id, 16 hex digits")
    .option("--thread <id>", "thread (conversation) id")
    .addOption(
      new Option("--expires <duration>", "how long it is valid, for example 30m or 7d")
        .argParser(durationMs)
        .default(durationMs("3h"), "3h"),
    )
    .option("--once", "valid for one use")
    .option("--json", "print it as JSON")
    .addHelpText(
      "after",
      `
Needs a running server. Whoever has the address can use it: add ?score=1, or POST JSON to it.

Examples:
  counterfoil feedback token --trace 4bf92f3577b34da6a3ce929d0e0e4736 --key thumbs --expires 7d --once`,
    )
    .action(async (options: TokenOptions) => {
      const { key, run, trace, span, thread, once } = options;
      const given = { run_id: run, trace_id: trace, span_id: span, thread_id: thread, once };
      const token = (await callServer(requireServer(options.dataDir), {
        method: "POST",
        path: "/api/v1/feedback/tokens",
        body: {
          feedback_key: key,
          expires_at: new Date(Date.now() + options.expires).toISOString(),
          ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
        },
        signal: io.signal,
      })) as JsonObject;
      const url = typeof token["url"] === "string" ? token["url"] : "";
      await write(io.stdout, `${options.json === true ? rowsToJson(token, 2) : inert(url)}\n`);
    });
}
