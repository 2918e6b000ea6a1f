export * from "./default.js";
export * from "./effective.js";
export * from "./json-schema.js";
export * from "./load.js";
export * from "./types.js";
export type { Environment } from "./parse.js";
export { formatProblems, type ConfigPath, type ConfigProblem } from "./problem.js";
