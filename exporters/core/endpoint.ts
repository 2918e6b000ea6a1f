import { CounterfoilError } from "../../schema/index.js";

/** An address that was checked, and what its owner should know about it. */
export interface CheckedEndpoint {
  readonly url: URL;
  readonly warning?: string;
}

const LOOPBACK = /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/i;

/**
 * Checks an exporter's address: http or https, no user or password in it. Plain http to another machine is allowed but
 * gets a warning when a key would travel over it. Throws CF_CONFIG_INVALID.
 */
export function checkEndpoint(
  text: string,
  options: { setting: string; hasSecret: boolean },
): CheckedEndpoint {
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw invalid(`${options.setting}: this is not an address; write it like https://host:4318`, error);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw invalid(`${options.setting}: ${url.protocol} is not supported; use https: or http:`);
  }
  if (url.username !== "" || url.password !== "") {
    throw invalid(`${options.setting}: no user or password in an address; put credentials in the headers`);
  }
  if (url.protocol === "http:" && options.hasSecret && !LOOPBACK.test(url.hostname)) {
    const warning = `${options.setting}: a key travels to ${url.host} unencrypted; use https`;
    return { url, warning };
  }
  return { url };
}

/** `base` with `path` below it, whatever slashes and query it has. */
export function joinUrl(base: URL, path: string): URL {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/${path}`;
  return url;
}

function invalid(message: string, cause?: unknown): CounterfoilError {
  return new CounterfoilError("CF_CONFIG_INVALID", message, { cause });
}
