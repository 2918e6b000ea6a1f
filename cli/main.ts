#!/usr/bin/env node
import { createIo } from "./io.js";
import { runCli } from "./run.js";

const io = createIo();
// `counterfoil sql ... | head` closes the pipe early: that is no failure of ours, and there is nobody left to tell.
for (const stream of [io.stdout, io.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
}
const exitCode = await runCli(process.argv.slice(2), io);
// Output to a pipe is written behind our back: end only when both streams are empty.
await Promise.all([io.stdout, io.stderr].map((stream) => new Promise((done) => stream.write("", done))));
process.exit(exitCode);
