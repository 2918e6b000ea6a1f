import type { ExporterConfig } from "../exporters/index.js";
import { CounterfoilError } from "../schema/index.js";
import type { CollectorConfig } from "./config/types.js";
import { isLoopback } from "./receivers/otlp/origin.js";

/** Where the HTTP listener will be: these win over the configuration. */
export interface ListenOverrides {
  readonly host?: string;
  readonly httpPort?: number;
}

/**
 * Throws CF_CONFIG_INVALID when an exporter would send to this very collector: each span would come round again and
 * again, and fill the journal. Easily done with a LANGSMITH_ENDPOINT that was set for the agent.
 */
export function checkOwnAddress(config: CollectorConfig, overrides: ListenOverrides): void {
  const host = overrides.host ?? config.http?.host;
  const port = overrides.httpPort ?? config.http?.port;
  if (config.http === undefined || host === undefined || port === undefined || port === 0) return;
  for (const { name, exporter } of config.destinations) {
    for (const address of addressesOf(exporter)) {
      const url = new URL(address);
      if (portOf(url) !== port || !isOwnHost(url.hostname, host)) continue;
      throw new CounterfoilError(
        "CF_CONFIG_INVALID",
        `exporters.${name}: ${url.origin} is this collector itself, so everything would come round for ever. ` +
          "Give it the backend's address (for LangSmith: endpoint, or LANGSMITH_ENDPOINT), or listen on another port.",
      );
    }
  }
}

function addressesOf(exporter: ExporterConfig): string[] {
  switch (exporter.type) {
    case "langsmith":
    case "langsmith_records":
      return exporter.endpoint === undefined ? [] : [exporter.endpoint];
    case "otlp_http":
      return [exporter.endpoint, ...Object.values(exporter.endpoints ?? {})].filter(
        (address) => address !== undefined,
      );
    case "file":
      return [];
  }
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

/** A listener on this machine's own or on every address is reached by this machine's names. */
function isOwnHost(hostname: string, listening: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, "").toLowerCase();
  if (name === listening.toLowerCase() || name === "0.0.0.0") return true;
  return isLoopback(name) && (isLoopback(listening) || ["", "0.0.0.0", "::"].includes(listening));
}
