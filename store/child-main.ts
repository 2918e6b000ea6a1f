import { setPriority } from "node:os";
import { createInterface } from "node:readline";

/**
 * The main loop of a child started by `runJsonChild`: reads one JSON line, answers with one, ends. `work` must not
 * reject. The child runs below its parent's priority, and ends when the parent is gone.
 */
export function answerOneRequest<Request, Answer>(
  niceness: number,
  work: (request: Request) => Promise<Answer>,
): void {
  try {
    setPriority(niceness);
  } catch {
    // Not permitted here: the deadline and the memory limit still hold.
  }
  const reply = async (answer: Promise<Answer>): Promise<void> => {
    process.stdout.write(`${JSON.stringify(await answer)}\n`, () => process.exit(0));
  };
  const input = createInterface({ input: process.stdin });
  input.once("line", (line) => {
    void reply(work(JSON.parse(line) as Request));
  });
  // The parent keeps the pipe open while it wants the answer: its end means that the parent is gone. A plain exit would
  // wait for the engine, which may be busy for long.
  input.once("close", () => process.kill(process.pid, "SIGKILL"));
}
