import type { IncomingMessage } from "node:http";
import { CounterfoilError } from "../../../schema/index.js";
import type { Reservation } from "../../ingest/admission.js";
import { overloaded, tooLarge } from "../../ingest/ingest-errors.js";
import { bodyBuffers } from "./body-buffers.js";

/** Gives back the memory of a body that {@link readBody} returned, after its request is settled. */
export function releaseBody(body: Uint8Array): void {
  bodyBuffers.give(body);
}

/** The declared length of a body; undefined when it is chunked. Node has refused anything contradictory before. */
export function declaredLength(request: IncomingMessage): number | undefined {
  const header = request.headers["content-length"];
  if (header !== undefined) return Number(header);
  return request.headers["transfer-encoding"] === undefined ? 0 : undefined;
}

/**
 * Reads a body whole. With a known length it goes into one buffer of exactly that size, the caller's until it calls
 * {@link releaseBody}. Rejects as soon as it passes the cap or the budget, and with CF_REQUEST_ABORTED when the
 * client goes away: a part of a body is never used.
 */
export function readBody(
  request: IncomingMessage,
  reservation: Reservation,
  bytesMax: number,
): Promise<Uint8Array> {
  const length = declaredLength(request);
  if (length === 0) return Promise.resolve(new Uint8Array(0));
  const target = length === undefined ? undefined : bodyBuffers.take(length);
  const chunks: Buffer[] = [];
  let size = 0;
  let isWhole = false;
  return new Promise((resolve, reject) => {
    const fail = (error: CounterfoilError): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > bytesMax) return fail(tooLarge(bytesMax));
      if (!reservation.received(chunk.length)) return fail(overloaded());
      if (target === undefined) chunks.push(chunk);
      else chunk.copy(target, size - chunk.length);
    };
    // The listeners stay: nothing but "close" comes after the end, and taking them off costs as much as the rest.
    const onEnd = (): void => {
      if (target !== undefined && size !== target.length) return onClose();
      isWhole = true;
      resolve(target ?? joined(chunks, size));
    };
    const onClose = (): void => {
      if (isWhole) return;
      fail(new CounterfoilError("CF_REQUEST_ABORTED", "The client closed the connection inside the body."));
    };
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

function joined(chunks: readonly Buffer[], size: number): Uint8Array {
  const whole = Buffer.allocUnsafeSlow(size);
  let at = 0;
  for (const chunk of chunks) at += chunk.copy(whole, at);
  return whole;
}
