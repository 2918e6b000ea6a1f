import { pino, type DestinationStream, type Logger } from "pino";
import type { CollectorConfig } from "../config/types.js";

/** The one log: JSON lines to stderr. Nothing is logged per request at `info`; never a key, a header or a content. */
export function createLogger(level: CollectorConfig["logLevel"], stream?: DestinationStream): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: { paths: ["*.api_key", "*.apiKey", "*.headers", "headers.*"], censor: "***" },
    },
    stream ?? pino.destination({ dest: 2, sync: true }),
  );
}

export type { Logger };
