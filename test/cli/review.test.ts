import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Io } from "../../cli/io.js";
import { createPaint } from "../../cli/output/paint.js";
import { wrap } from "../../cli/output/wrap.js";
import { keysIn } from "../../cli/review/keys.js";
import { runCli } from "../../cli/run.js";
import { writeServerFile } from "../../cli/server-file.js";
import { runApi, type RunningApi } from "../api/running-api.js";

let api: RunningApi;
const folder = mkdtempSync(join(tmpdir(), "counterfoil-review-test-"));

beforeAll(async () => {
  api = await runApi();
  writeServerFile(api.dataDir, { pid: process.pid, started_at: "", version: "", url: api.url });
  await sendRuns();
});
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
});

const traceId = (at: number): string => String(at).padStart(32, "a");

async function sendRuns(): Promise<void> {
  const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const spans = [1, 2].map((at) => ({
    traceId: traceId(at),
    spanId: String(at).padStart(16, "b"),
    name: `agent ${at}`,
    startTimeUnixNano: String(1795413600000000000n + BigInt(at)),
    endTimeUnixNano: "1795413601000000000",
    attributes: [
      attribute("gen_ai.prompt", JSON.stringify({ question: `what is ${at}?\u001b[2J` })),
      attribute("gen_ai.completion", JSON.stringify({ answer: `it is ${at}` })),
    ],
  }));
  await fetch(`${api.url}/v1/traces`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
  });
}

/** A terminal that the test types at and reads. */
class FakeTerminal {
  readonly stdin = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (on: boolean) => {
      this.isRaw = on;
    },
  });
  readonly stdout: Writable & { isTTY: boolean; columns: number; rows: number };
  isRaw = false;
  /** Everything that was written. */
  all = "";
  #frame = "";
  #waiting: (() => void) | undefined;

  constructor() {
    const written = new Writable({
      write: (chunk, _encoding, done) => {
        const text = String(chunk);
        this.all += text;
        if (text.startsWith("\u001b[H")) this.#frame = stripVTControlCharacters(text);
        this.#waiting?.();
        done();
      },
    });
    this.stdout = Object.assign(written, { isTTY: true, columns: 90, rows: 30 });
  }

  /** Resolves with the screen once it shows all of these texts. */
  async shows(...texts: readonly string[]): Promise<string> {
    while (!texts.every((text) => this.#frame.includes(text))) {
      await new Promise<void>((resolve) => (this.#waiting = resolve));
    }
    return this.#frame;
  }

  press(keys: string): void {
    this.#frame = "";
    this.stdin.write(keys);
  }
}

interface Run {
  readonly terminal: FakeTerminal;
  readonly stop: AbortController;
  readonly stderr: () => string;
  readonly ended: Promise<number>;
}

function run(
  args: readonly string[],
  { tty = true, env = {} }: { tty?: boolean; env?: Record<string, string> } = {},
): Run {
  const terminal = new FakeTerminal();
  terminal.stdin.isTTY = tty;
  const stop = new AbortController();
  let stderr = "";
  const errors = new Writable({
    write(chunk, _encoding, done) {
      stderr += String(chunk);
      done();
    },
  });
  const io: Io = {
    stdin: terminal.stdin,
    stdout: terminal.stdout as unknown as NodeJS.WriteStream,
    stderr: errors as unknown as NodeJS.WriteStream,
    env,
    paint: createPaint(false),
    paintError: createPaint(false),
    signal: stop.signal,
    exitCode: 0,
  };
  return { terminal, stop, stderr: () => stderr, ended: runCli([...args, "--data-dir", api.dataDir], io) };
}

async function output(
  args: readonly string[],
  tty = true,
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { terminal, ended, stderr } = run(args, { tty });
  const code = await ended;
  return { code, stdout: terminal.all, stderr: stderr() };
}

const feedback = async (): Promise<unknown[]> =>
  (await (await fetch(`${api.url}/api/v1/feedback?source=human`)).json()) as unknown[];

test("a queue is made, filled and reviewed by keyboard: score, comment, correction from the editor, skip, back and done", async () => {
  const create = [
    "queues",
    "create",
    "answers",
    "--instructions",
    "Is it right?",
    "--ask",
    "right!=1 when it is",
    "--ask",
    "tone",
  ];
  expect((await output(create)).code).toBe(0);
  expect((await output(["queues", "list"])).stdout).toMatch(/answers +0 +0 +1 +right, tone/);
  const added = await output(["queues", "add", "answers", "--trace", traceId(1), traceId(2)]);
  expect(added.stdout).toBe("answers has these 2 runs.\n");

  const editor = join(folder, "editor.sh");
  writeFileSync(editor, 'printf \'{"answer": "it is one"}\' > "$1"\n');
  const { terminal, ended } = run(["review", "answers", "--reviewer", "ann"], {
    env: { EDITOR: `sh ${editor}` },
  });
  const first = await terminal.shows(
    "agent 1",
    "question: what is 1?",
    "answer: it is 1",
    "▸ right*",
    "Is it right?",
  );
  expect(first).toContain("2 to review, 0 done");
  // What a run says can't move the cursor.
  expect(first).toContain("what is 1?␛[2J");
  expect(terminal.isRaw).toBe(true);
  terminal.press("d");
  await terminal.shows("You said nothing");
  terminal.press("d");
  await terminal.shows("The rubric of answers requires right");
  terminal.press("1");
  await terminal.shows("right*  1");
  terminal.press("\t");
  await terminal.shows("▸ tone");
  terminal.press("ccurt\u007f\u007f\u007furt, but kind\r");
  await terminal.shows('tone  "curt, but kind"');
  terminal.press("s0.25\r");
  await terminal.shows("tone  0.25");
  terminal.press("sgood\r");
  await terminal.shows("A score is a number");
  terminal.press("e");
  await terminal.shows("correction", "it is one");
  terminal.press("q");
  await terminal.shows("What you entered is not sent");
  terminal.press("d");
  await terminal.shows("agent 2", "1 to review, 1 done");
  terminal.press("b");
  await terminal.shows("agent 1", "right*  1", "(human ann)");
  terminal.press("0d");
  await terminal.shows("agent 2");
  terminal.press("k");
  expect(await ended).toBe(0);
  expect(terminal.isRaw).toBe(false);
  const end = "Reviewed 1, skipped 1. Nothing is left for you. 1 waits for others.\n";
  expect(terminal.all.endsWith(`\u001b[?1049l${end}`)).toBe(true);
  const given = await feedback();
  expect(given).toHaveLength(2);
  expect(given).toContainEqual(
    expect.objectContaining({
      key: "tone",
      score: 0.25,
      comment: "curt, but kind",
      correction: { answer: "it is one" },
      feedback_source: {
        type: "human",
        user_id: "ann",
        metadata: expect.objectContaining({ queue_name: "answers" }),
      },
    }),
  );
  expect(given).toContainEqual(expect.objectContaining({ key: "right", score: 0 }));
  expect((await output(["queues", "show", "answers", "--reviewer", "ann"])).stdout).toMatch(
    /done +ann[^]*open +ann/,
  );
});

test("an item that stands for a thread shows all its turns, between which keys go, in either order", async () => {
  const attribute = (key: string, value: string) => ({ key, value: { stringValue: value } });
  const spans = [1, 2, 3].map((at) => ({
    traceId: String(at).padStart(32, "c"),
    spanId: String(at).padStart(16, "d"),
    name: "talk",
    startTimeUnixNano: String(1795413600000000000n + BigInt(at)),
    endTimeUnixNano: "1795413601000000000",
    attributes: [
      attribute("gen_ai.conversation.id", "talk-1"),
      attribute("gen_ai.prompt", JSON.stringify({ question: `ask ${at}` })),
      attribute("gen_ai.completion", JSON.stringify({ answer: `say ${at}\n${"more\n".repeat(20)}` })),
    ],
  }));
  const post = async (path: string, body: unknown): Promise<number> => {
    const headers = { "content-type": "application/json" };
    return (await fetch(api.url + path, { method: "POST", headers, body: JSON.stringify(body) })).status;
  };
  const rule = {
    name: "talks",
    scope: "thread",
    filter: 'eq(name, "talk")',
    debounce_seconds: 0,
    actions: [{ type: "add_to_annotation_queue", queue: "talks" }],
  };
  expect(await post("/api/v1/rules/apply", { rules: [rule] })).toBe(200);
  expect(await post("/v1/traces", { resourceSpans: [{ scopeSpans: [{ spans }] }] })).toBe(200);
  expect(await post("/api/v1/rules/wait", { deadline_ms: 60_000 })).toBe(200);

  const { terminal, ended } = run(["review", "talks", "--reviewer", "ann"]);
  const first = await terminal.shows("Turn 1 of 3 · talk", "question: ask 1", "n next turn");
  expect(first).not.toContain("ask 2");
  terminal.press("p");
  await terminal.shows("There is no turn above");
  terminal.press("nn");
  await terminal.shows("Turn 3 of 3", "ask 3");
  terminal.press("p");
  await terminal.shows("Turn 2 of 3", "ask 2");
  terminal.press("o");
  expect(await terminal.shows("The last turn comes first", "ask 3")).not.toContain("ask 1");
  terminal.press("q");
  expect(await ended).toBe(0);
});

test("leaving gives the item back, and a signal, an error and a missing terminal leave the terminal as it was", async () => {
  await output(["queues", "create", "left"]);
  await output(["queues", "add", "left", "--trace", traceId(1)]);
  const quit = run(["review", "left", "--reviewer", "bob"]);
  await quit.terminal.shows("agent 1", "▸ correctness");
  quit.terminal.press("\u0003");
  expect([await quit.ended, quit.terminal.isRaw]).toEqual([0, false]);
  expect((await output(["queues", "show", "left", "--json"])).stdout).toContain('"reserved_by": []');

  const stopped = run(["review", "left", "--reviewer", "bob"]);
  await stopped.terminal.shows("agent 1");
  stopped.stop.abort("SIGTERM");
  expect([await stopped.ended, stopped.terminal.isRaw]).toEqual([143, false]);
  expect(stopped.terminal.all.endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);

  // A terminal that was closed takes nothing any more; the item is free all the same.
  const closed = run(["review", "left", "--reviewer", "bob"]);
  await closed.terminal.shows("agent 1", "▸ correctness");
  expect((await output(["queues", "show", "left", "--json"])).stdout).toContain('"user_id": "bob"');
  const written = closed.terminal.all;
  closed.terminal.stdin.emit("error", new Error("read EIO"));
  await closed.ended;
  expect(closed.terminal.all.slice(written.length)).not.toContain("\u001b[");
  expect((await output(["queues", "show", "left", "--json"])).stdout).toContain('"reserved_by": []');

  const refused: readonly (readonly [readonly string[], boolean, number, string])[] = [
    [["review", "left"], false, 2, "needs a terminal"],
    [["review", "nowhere"], true, 5, "Annotation queue nowhere not found"],
    [["queues", "add", "left"], true, 2, "Name what to add"],
    [["queues", "add", "left", "--trace", traceId(9)], true, 5, "not found"],
    [["queues", "add", "left", "--run", "x", "--span", "y"], true, 2, "--span needs exactly one --trace"],
    [["queues", "create", "left"], true, 1, "already exists"],
    [["queues", "create", "x", "--ask", "="], true, 2, "It must be a key"],
    [["queues", "delete", "x"], true, 5, "not found"],
  ];
  for (const [args, tty, code, text] of refused) {
    const result = await output(args, tty);
    expect([result.code, result.stderr]).toEqual([code, expect.stringContaining(text)]);
  }
  expect((await output(["queues", "delete", "left"])).stdout).toBe("Deleted left.\n");
});

test("keys are told apart, characters come whole, and what is no key is left out", () => {
  expect(keysIn("a\u001b[A\u001b[5~é😀\r\t\u007f\u0003")).toEqual([
    "a",
    "up",
    "pageup",
    "é",
    "😀",
    "enter",
    "tab",
    "backspace",
    "ctrl-c",
  ]);
  expect(keysIn("\u001b[1;5C\u001bOP\u0001\u001b")).toEqual(["escape"]);
});

test("wrapped lines fit, and together say what the text says", () => {
  const text = `one two  three ${"x".repeat(30)} 漢字漢字漢字漢字漢字 end\nnext`;
  const lines = wrap(text, 12);
  expect(lines.every((line) => line.length <= 12)).toBe(true);
  expect(lines.join("").replaceAll(" ", "")).toBe(text.replaceAll(/\s/g, ""));
});
