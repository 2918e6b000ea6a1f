export * from "./create.js";
export * from "./types.js";
