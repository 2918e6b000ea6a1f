export * from "./data-dir.js";
export * from "./types.js";
