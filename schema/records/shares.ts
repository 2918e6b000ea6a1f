import { uuidOf } from "./ids.js";
import type { JsonObject, RecordType } from "./types.js";

const THREAD_ID_LENGTH_MAX = 1_000;

/** `shares`: public links. The id is the token, a UUID: who knows it may read the one thing that it names. */
export const SHARES: RecordType = {
  type: "share",
  table: "shares",
  doc: "Public links to traces, threads and datasets; deleted when the link is taken back.",
  fields: [
    {
      name: "kind",
      kind: "text",
      required: true,
      oneOf: ["run", "thread", "dataset"],
      doc: "What is shared; a run stands for its whole trace.",
    },
    {
      name: "resource_id",
      kind: "text",
      required: true,
      lengthMax: THREAD_ID_LENGTH_MAX,
      doc: "Id of the run or dataset, a UUID; or of the thread.",
    },
    { name: "project_id", kind: "uuid", doc: "Project of a thread: threads are named within it." },
    { name: "created_at", kind: "time", doc: "When it was shared." },
  ],
  columns: [
    { name: "kind", type: "VARCHAR", doc: "What is shared: run (its whole trace), thread or dataset." },
    { name: "resource_id", type: "VARCHAR", doc: "Id of the run, thread or dataset." },
    { name: "project_id", type: "VARCHAR", doc: "Project of a thread." },
    { name: "created_at", type: "TIMESTAMP_NS", doc: "When it was shared, UTC." },
  ],
  check: shareProblem,
};

function shareProblem(data: JsonObject): string | undefined {
  if (data["kind"] === "thread") {
    return uuidOf(data["project_id"]) === undefined ? "names a thread without its project_id" : undefined;
  }
  return uuidOf(data["resource_id"]) === undefined ? "names a resource_id that is no UUID" : undefined;
}
