import type { Command } from "commander";
import type { JsonObject } from "../../schema/index.js";
import { type Io, write } from "../io.js";
import { withDataDir } from "../options.js";
import { jsonCell, writeJsonTable } from "../output/json-table.js";
import { rowsToJson } from "../query.js";
import { callServer, requireServer } from "../server-client.js";

interface MarkOptions {
  readonly dataDir: string;
  readonly json?: boolean;
}

interface RunOptions extends MarkOptions {
  readonly trace?: string;
  readonly span?: string;
  readonly run?: string;
}

/** `pins`: traces that retention keeps. */
export function addPinsCommand(program: Command, io: Io): void {
  const pins = program.command("pins").description("keep traces from retention, however old they are");
  withDataDir(pins.command("list"))
    .description("list the pinned traces, newest first")
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nNeeds a running server.\n\nExamples:\n  counterfoil pins list")
    .action(async ({ dataDir, json }: MarkOptions) => {
      const rows = await get(dataDir, "/api/v1/pins", io);
      if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
      if (rows.length === 0) return write(io.stderr, "No trace is pinned.\n");
      return writeJsonTable(
        ["pinned (UTC)", "trace", "by rule", "reason"],
        rows.map((row) => [timeOf(row), row["trace_id"], row["rule_name"], row["reason"]]),
        io,
      );
    });
  withDataDir(pins.command("add"))
    .description("pin a trace")
    .argument("<trace>", "trace id")
    .option("--reason <text>", "why")
    .addHelpText(
      "after",
      "\nExamples:\n  counterfoil pins add 4bf92f3577b34da6a3ce929d0e0e4736 --reason evidence",
    )
    .action(async (trace: string, { dataDir, reason }: MarkOptions & { readonly reason?: string }) => {
      const body = { trace_id: trace, reason };
      await callServer(requireServer(dataDir), {
        method: "POST",
        path: "/api/v1/pins",
        body,
        signal: io.signal,
      });
      await write(io.stdout, "Pinned: retention keeps the trace.\n");
    });
  withDataDir(pins.command("remove"))
    .description("let retention take a trace when its time comes")
    .argument("<trace>", "trace id")
    .addHelpText("after", "\nExamples:\n  counterfoil pins remove 4bf92f3577b34da6a3ce929d0e0e4736")
    .action(async (trace: string, { dataDir }: MarkOptions) => {
      const path = `/api/v1/pins/${encodeURIComponent(trace)}`;
      await callServer(requireServer(dataDir), { method: "DELETE", path, signal: io.signal });
      await write(io.stdout, "The trace is not pinned any more.\n");
    });
}

/** `tags`: tags that are put on runs after they came. */
export function addTagsCommand(program: Command, io: Io): void {
  const tags = program.command("tags").description("put tags on runs after they came");
  withDataDir(tags.command("list"))
    .description("list the tags that were put on runs, newest first")
    .option("--trace <id>", "only on runs of this trace")
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nNeeds a running server.\n\nExamples:\n  counterfoil tags list")
    .action(async ({ dataDir, json, trace }: RunOptions) => {
      const query = trace === undefined ? "" : `?trace=${encodeURIComponent(trace)}`;
      const rows = await get(dataDir, `/api/v1/run-tags${query}`, io);
      if (json === true) return write(io.stdout, `${rowsToJson(rows, 2)}\n`);
      if (rows.length === 0) return write(io.stderr, "No such run has tags that were put on it later.\n");
      return writeJsonTable(
        ["since (UTC)", "trace", "span", "tag", "by rule"],
        rows.map((row) => [timeOf(row), row["trace_id"], row["span_id"], row["tag"], row["rule_name"]]),
        io,
      );
    });
  for (const [verb, method, what, done] of [
    ["add", "POST", "put a tag on a run", "Tagged"],
    ["remove", "DELETE", "take a tag away that was put on a run later", "Taken away"],
  ] as const) {
    withDataDir(tags.command(verb))
      .description(what)
      .argument("<tag>", "the tag")
      .option("--trace <id>", "trace id; without --span its root")
      .option("--span <id>", "span id")
      .option("--run <id>", "LangSmith's run id, instead of them")
      .addHelpText(
        "after",
        `\nExamples:\n  counterfoil tags ${verb} follow-up --trace 4bf92f3577b34da6a3ce929d0e0e4736`,
      )
      .action(async (tag: string, { dataDir, trace, span, run }: RunOptions) => {
        const given = Object.entries({ trace, span, run, tag }).filter(([, value]) => value !== undefined);
        const query = new URLSearchParams(given as [string, string][]);
        const isAdd = method === "POST";
        const path = isAdd ? "/api/v1/run-tags" : `/api/v1/run-tags?${query.toString()}`;
        const body = { trace_id: trace, span_id: span, run_id: run, tag };
        const request = { method, path, ...(isAdd ? { body } : {}), signal: io.signal };
        await callServer(requireServer(dataDir), request);
        await write(io.stdout, `${done}.\n`);
      });
  }
}

async function get(dataDir: string, path: string, io: Io): Promise<JsonObject[]> {
  return (await callServer(requireServer(dataDir), {
    method: "GET",
    path,
    signal: io.signal,
  })) as JsonObject[];
}

function timeOf(row: JsonObject): string {
  return jsonCell(row["created_at"]).slice(0, 19).replace("T", " ");
}
