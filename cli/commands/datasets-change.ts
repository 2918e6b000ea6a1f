import { type Command } from "commander";
import { type JsonObject, nameUuid, uuidOf } from "../../schema/index.js";
import { CommandError, EXIT } from "../exit-codes.js";
import { type Io, write } from "../io.js";
import { shown, withDataDir } from "../options.js";
import { inert } from "../output/text.js";
import { callServer, type HttpServer, requireServer } from "../server-client.js";
import { formatCount } from "../output/values.js";

/** Namespace of ids of examples that someone makes of runs, so that the same run is one example of a dataset (I6). */
const EXAMPLES_BY_HAND = "0d1f6a34-6f0c-5c0e-8a53-1c6a3f2b7e21";
/** As many as one page of `/api/v1/examples` has: more is a rule's work. */
const RUNS_MAX = 100;

interface AddOptions {
  readonly dataDir: string;
  readonly run?: readonly string[];
  readonly trace?: readonly string[];
  readonly split?: readonly string[];
}

/** `datasets add` and `datasets tag`. */
export function addDatasetsChangeCommands(datasets: Command, io: Io): void {
  withDataDir(datasets.command("add"))
    .description("make examples of runs: their inputs and outputs as they are")
    .argument("<dataset>", "name or id; a name that no dataset has makes one")
    .option("--trace <id...>", "roots of these traces, 32 hex digits")
    .option("--run <id...>", "LangSmith run ids")
    .option("--split <name...>", "splits that the examples are in")
    .addHelpText(
      "after",
      `
Needs a running server. A run that was added is not added again. Rules add by themselves, corrections too:
docs/golden-examples.md. Files come in with \`import dataset\`.

Examples:
  counterfoil datasets add golden-support --trace 4bf92f3577b34da6a3ce929d0e0e4736 --split test`,
    )
    .action((dataset: string, options: AddOptions) => add(dataset, options, io));
  withDataDir(datasets.command("tag"))
    .description("put a tag on a version of a dataset; a tag that is there already moves")
    .argument("<dataset>", "name or id")
    .argument("<tag>", "for example prod")
    .argument("[version]", "its time, or another tag", "latest")
    .addHelpText(
      "after",
      "\nNeeds a running server.\n\nExamples:\n  counterfoil datasets tag golden-support prod",
    )
    .action(async (dataset: string, tag: string, version: string, { dataDir }: AddOptions) => {
      const server = requireServer(dataDir);
      const found = await findOne(server, dataset, io);
      if (found === undefined)
        throw new CommandError(EXIT.notFound, `There is no dataset ${shown(dataset)}.`);
      const path = `/api/v1/datasets/${found}/tags`;
      const body = { tag, as_of: version };
      const put = { method: "PUT" as const, path, body, signal: io.signal };
      const { as_of: time } = (await callServer(server, put)) as { readonly as_of: string };
      await write(io.stdout, `${inert(tag)} is the version ${inert(time)}.\n`);
    });
}

async function add(dataset: string, { dataDir, run = [], trace = [], split }: AddOptions, io: Io) {
  const runs = new Set([...trace, ...run].map(runId));
  if (runs.size === 0) throw new CommandError(EXIT.usage, "Name what to add: --trace or --run.");
  if (runs.size > RUNS_MAX) {
    throw new CommandError(
      EXIT.usage,
      `At most ${RUNS_MAX} runs at once; a rule's backfill takes any number.`,
    );
  }
  const server = requireServer(dataDir);
  const dataset_id = (await findOne(server, dataset, io)) ?? (await create(server, dataset, [...runs], io));
  const wanted = [...runs].map((source_run_id) => ({
    id: nameUuid(EXAMPLES_BY_HAND, `${dataset_id}/${source_run_id}`),
    dataset_id,
    source_run_id,
    use_source_run_io: true,
    ...(split === undefined ? {} : { split }),
  }));
  const query = new URLSearchParams(wanted.map(({ id }): [string, string] => ["id", id]));
  const there = new Set((await list(server, `/api/v1/examples?${query.toString()}`, io)).map(({ id }) => id));
  const body = wanted.filter(({ id }) => !there.has(id));
  if (body.length > 0) {
    const path = "/api/v1/examples/bulk";
    await callServer(server, { method: "POST", path, body, signal: io.signal });
  }
  const before = there.size === 0 ? "" : `, ${formatCount(there.size)} here already`;
  await write(io.stdout, `${formatCount(body.length)} added to ${inert(dataset)}${before}.\n`);
}

/** The root of an OpenTelemetry trace is the run with the trace's id. */
function runId(text: string): string {
  const id = uuidOf(text);
  if (id !== undefined) return id;
  throw new CommandError(EXIT.usage, `${shown(text)} is no id of a trace or run: 32 hex digits, or a UUID.`);
}

/** Id of the dataset of this name or id. */
async function findOne(server: HttpServer, dataset: string, io: Io): Promise<string | undefined> {
  const [found] = await list(server, `/api/v1/datasets?name=${encodeURIComponent(dataset)}`, io);
  const id = found?.["id"] ?? uuidOf(dataset);
  return typeof id === "string" ? id : undefined;
}

/** A run that is not here must not leave an empty dataset behind. */
async function create(server: HttpServer, name: string, runs: readonly string[], io: Io): Promise<string> {
  for (const id of runs)
    await callServer(server, { method: "GET", path: `/api/v1/runs/${id}`, signal: io.signal });
  const request = { method: "POST" as const, path: "/api/v1/datasets", body: { name }, signal: io.signal };
  return ((await callServer(server, request)) as { readonly id: string }).id;
}

async function list(server: HttpServer, path: string, io: Io): Promise<readonly JsonObject[]> {
  return (await callServer(server, { method: "GET", path, signal: io.signal })) as readonly JsonObject[];
}
