import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { dataDirPaths } from "../../store/index.js";
import { fillJournal } from "../load/fill-journal.js";
import { SealedCount } from "../measure/sealed-count.js";
import { bodySet, type Scenario } from "../scenario.js";
import { startBenchServer } from "../server.js";

const SPANS = 500_000;
const QUICK_SPANS = 16_384;
const REPLAY_TIMEOUT_MS = 600_000;

/** Seconds to read the journal's files once, warm: nothing replays faster. */
function readSeconds(journalDir: string): number {
  const started = performance.now();
  for (const name of readdirSync(journalDir)) readFileSync(join(journalDir, name));
  return (performance.now() - started) / 1000;
}

/** How fast a backlog that a crash left becomes visible. */
export const replay: Scenario = {
  name: "replay",
  about:
    "A process that only journals is killed (kill -9); then counterfoil start runs over what it left. Counted from the start of the process until every span is visible in SQL, start-up included.",
  async run(context) {
    const dataDir = join(context.folder, "data");
    const { journal } = dataDirPaths(dataDir);
    const bodies = bodySet(context, "content");
    context.log("replay: writing the backlog");
    const backlog = await fillJournal(journal, bodies, { spans: context.quick ? QUICK_SPANS : SPANS });
    const reading = readSeconds(journal);
    context.log(`replay: ${backlog.spans} spans, ${Math.round(backlog.bytes / 1e6)} MB`);
    const started = performance.now();
    const server = await startBenchServer({ dataDir, workers: context.workers });
    const readyMs = performance.now() - started;
    try {
      const sealed = new SealedCount(server.mirrorDir);
      const seconds = ((await sealed.reach(backlog.spans, REPLAY_TIMEOUT_MS)) - started) / 1000;
      sealed.close();
      return {
        rows: [
          {
            id: "replay.content",
            measure: "journal replay after a crash",
            value: backlog.spans / seconds,
            unit: "spans/s",
            target: { at: "least", value: 50_000 },
            floors: [{ name: "reading the journal's files once", value: backlog.spans / reading }],
            note: `${backlog.spans.toLocaleString("en-US")} content spans, ${Math.round(backlog.bytes / 1e6)} MB, all sealed after ${seconds.toFixed(1)} s; ready for requests after ${Math.round(readyMs)} ms`,
          },
        ],
        facts: { replay_ready_ms: readyMs, replay_spans: backlog.spans },
      };
    } finally {
      await server.stop();
    }
  },
};
