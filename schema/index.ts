export * from "./columns.js";
export * from "./errors.js";
export * from "./genai/rules.js";
export * from "./limits.js";
export * from "./otlp/types.js";
