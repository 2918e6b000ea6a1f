export * from "./cursor-file.js";
export * from "./file-system.js";
export * from "./journal-event.js";
export * from "./journal-reader.js";
export { nodeFileSystem } from "./node-file-system.js";
export { type JournalOptions, openJournal } from "./segmented-journal.js";
export { type ReadChunks, ReusedChunks } from "./read-chunks.js";
export { seqAtTime } from "./seq-at-time.js";
export * from "./types.js";
