import { errorMessage } from "../../schema/index.js";
import { isRetryable, retryAfterOf } from "./retryable.js";

/** One POST. */
export interface JsonRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What came of it. `again` is the pause that the peer asked for, ms. */
export type JsonAnswer =
  | { readonly outcome: "success"; readonly text: string }
  | { readonly outcome: "error"; readonly reason: string }
  | { readonly outcome: "pending"; readonly reason: string; readonly again?: number };

/** How it is sent. */
export interface SendOptions {
  /** What the peer is called in reasons, as "the webhook". */
  readonly peer: string;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Most bytes of the answer that are read; 0 for none. */
  readonly bytesMax: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Sends JSON, follows no redirect, and says whether it may be tried again. */
export async function sendJson(
  { url, headers, body }: JsonRequest,
  { peer, signal, timeoutMs, bytesMax, now }: SendOptions,
): Promise<JsonAnswer> {
  let response: Response;
  let text: string | undefined;
  try {
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    // A redirect could lead what was signed for one address to another.
    response = await fetch(url, { method: "POST", headers, body, signal: bounded, redirect: "manual" });
    text = await textOf(response, response.ok ? bytesMax : 0);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
    return { outcome: "pending", reason: `no answer: ${cause === "" ? errorMessage(error) : cause}` };
  }
  const { status } = response;
  if (response.ok) {
    if (text !== undefined) return { outcome: "success", text };
    return { outcome: "error", reason: `${peer} answered more than ${bytesMax} bytes` };
  }
  const reason = `${peer} answered ${status}`;
  if (!isRetryable(status)) return { outcome: "error", reason };
  const again = retryAfterOf(response.headers.get("retry-after"), now());
  return { outcome: "pending", reason, ...(again === undefined ? {} : { again }) };
}

/** Undefined when it is longer than that. */
async function textOf(response: Response, bytesMax: number): Promise<string | undefined> {
  if (bytesMax === 0 || response.body === null) {
    await response.body?.cancel();
    return "";
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > bytesMax) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
