#!/usr/bin/env node
import { tuneGarbageCollection } from "./start/engine-flags.js";

const args = process.argv.slice(2);
// Before all else, also before our own modules are loaded: see there.
if (args[0] === "start") tuneGarbageCollection();
const [{ createIo }, { runCli }] = await Promise.all([import("./io.js"), import("./run.js")]);

const io = createIo();
// `counterfoil sql ... | head` closes the pipe early: that is no failure of ours, and there is nobody left to tell.
for (const stream of [io.stdout, io.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? 0 : 1);
  });
}
const exitCode = await runCli(args, io);
// Output to a pipe is written behind our back: end only when both streams are empty.
await Promise.all([io.stdout, io.stderr].map((stream) => new Promise((done) => stream.write("", done))));
process.exit(exitCode);
