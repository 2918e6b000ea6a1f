import { randomUUID } from "node:crypto";
import { TextMaker } from "./langsmith-texts.js";

/** A multipart request of LangSmith's SDK, whose runs can be made other runs in place. */
export interface RunBody {
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly runs: number;
  /** Where the first eight digits of each of its ids are. */
  readonly idsAt: readonly number[];
}

const BOUNDARY = "----LangSmithFormBoundary0123456789";
const RUNS_PER_TRACE = 4;
const PLACE = "eeeeeeee";

/** Requests of so many runs, each about 3 kB as the SDK writes it: traces of an agent with three model calls. */
export function langsmithBodies(count: number, runsPerBody: number): RunBody[] {
  const texts = new TextMaker(7);
  return Array.from({ length: count }, () => bodyOf(runsPerBody, texts));
}

/** Makes the runs of a body runs that were never sent. `serial` must differ from every other one. */
export function renewRuns({ bytes, idsAt }: RunBody, serial: number): void {
  const digits = serial.toString(16).padStart(PLACE.length, "0");
  for (const at of idsAt) bytes.write(digits, at, "latin1");
}

function bodyOf(runs: number, texts: TextMaker): RunBody {
  const parts: string[] = [];
  const start = Date.now();
  for (let trace = 0; trace * RUNS_PER_TRACE < runs; trace++) traceParts(parts, start + trace, texts);
  const bytes = Buffer.from(`${parts.join("")}--${BOUNDARY}--\r\n`);
  const idsAt: number[] = [];
  for (let at = bytes.indexOf(PLACE); at >= 0; at = bytes.indexOf(PLACE, at + 1)) idsAt.push(at);
  const contentType = `multipart/form-data; boundary=${BOUNDARY}`;
  return { bytes, contentType, runs: Math.ceil(runs / RUNS_PER_TRACE) * RUNS_PER_TRACE, idsAt };
}

function traceParts(parts: string[], start: number, texts: TextMaker): void {
  const root = newId();
  for (let index = 0; index < RUNS_PER_TRACE; index++) {
    const isRoot = index === 0;
    const id = isRoot ? root : newId();
    const orders = isRoot ? [segment(start, id)] : [segment(start, root), segment(start + index, id)];
    const add = (field: string, value: unknown): void => {
      const json = JSON.stringify(value);
      parts.push(
        `--${BOUNDARY}\r\nContent-Disposition: form-data; name="post.${id}${field}"\r\nContent-Type: application/json; length=${Buffer.byteLength(json)}\r\n\r\n${json}\r\n`,
      );
    };
    add("", {
      id,
      trace_id: root,
      dotted_order: orders.join("."),
      parent_run_id: isRoot ? null : root,
      name: isRoot ? "agent" : "ChatModel",
      run_type: isRoot ? "chain" : "llm",
      session_name: "bench",
      start_time: new Date(start + index).toISOString().replace("Z", "000Z"),
      end_time: start + index + 900,
      tags: ["bench", "nightly"],
    });
    add(".inputs", {
      messages: [
        { role: "system", content: texts.sentence(400) },
        { role: "user", content: texts.sentence(600) },
      ],
    });
    add(".outputs", {
      content: texts.sentence(500),
      usage_metadata: { input_tokens: 400, output_tokens: 120, total_tokens: 520 },
    });
    add(".extra", {
      metadata: { thread_id: root, ls_provider: "openai", ls_model_name: "gpt-4o", revision_id: "abc" },
      runtime: { library: "langsmith", runtime: "node", platform: "linux", sdk_version: "0.12.0" },
    });
    add(".events", []);
    add(".serialized", {});
  }
}

function newId(): string {
  return `${PLACE}${randomUUID().slice(PLACE.length)}`;
}

function segment(time: number, id: string): string {
  return `${new Date(time).toISOString().replace(/[-:.]/g, "").replace("Z", "000Z")}${id}`;
}
