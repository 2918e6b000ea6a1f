import { isIP } from "node:net";

/** What protects the listener from web pages: DNS rebinding and cross-site requests. */
export interface WebPolicy {
  /** Host names that may be used to reach the pages, besides localhost and IP addresses. Lower case, no port. */
  readonly allowedHosts: readonly string[];
  /** Origins that may send OTLP from a browser. `*` allows any. */
  readonly allowedOrigins: readonly string[];
}

/**
 * Whether a Host header names us. DNS rebinding needs a name that the attacker controls, so addresses are safe and names
 * are allow-listed.
 */
export function hostAllowed(host: string | undefined, policy: WebPolicy): boolean {
  if (host === undefined) return false;
  const name = hostName(host);
  if (name === undefined) return false;
  return name === "localhost" || isIP(name) !== 0 || policy.allowedHosts.includes(name);
}

/** Whether a request with this Origin may go on: none, our own, or one that the configuration allows. */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  policy: WebPolicy,
): boolean {
  if (origin === undefined) return true;
  if (policy.allowedOrigins.includes("*") || policy.allowedOrigins.includes(origin)) return true;
  return (
    host !== undefined && hostAllowed(host, policy) && origin.toLowerCase() === `http://${host.toLowerCase()}`
  );
}

function hostName(host: string): string | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::\d+)?$/.exec(host)?.[1];
  if (bracketed !== undefined) return bracketed.toLowerCase();
  const plain = /^([^:/\s]+)(?::\d+)?$/.exec(host)?.[1];
  return plain?.toLowerCase().replace(/\.$/, "");
}

/** Whether an address to listen on is reachable from this machine only. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase();
  return name === "localhost" || name === "::1" || (isIP(name) === 4 && name.startsWith("127."));
}
